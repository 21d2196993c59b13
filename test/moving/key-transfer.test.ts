/** Keys of an old signer, brought over HTTP to a server that has taken its repositories over. */
import { createPrivateKey } from "node:crypto";
import { CompactEncrypt } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { TrustError } from "../../src/client/errors.ts";
import type { Fetcher } from "../../src/client/fetch/fetcher.ts";
import { OldKeyError } from "../../src/moving/databases/errors.ts";
import { type KeyServer, keyServer, type OnlineRoles } from "../../src/moving/key-server.ts";
import { type Transfer, transferKeys } from "../../src/moving/key-transfer.ts";
import type { LockedKey } from "../../src/moving/old-keys.ts";
import type { OldPassphrases } from "../../src/moving/old-passphrases.ts";
import { type ForeignKey, type ForeignOptions, foreignRepository } from "../support/foreign-repository.ts";
import { start, startServer, type TestServer } from "../support/server.ts";

const passphrase = "correct horse battery";
const passphrases: OldPassphrases = { of: () => [Buffer.from(passphrase)], close: () => {} };
const app = "registry.example.org/app";
const other = "registry.example.org/other";

let server: TestServer;
beforeEach(async () => {
  server = await startServer();
});
afterEach(() => server.close());

/** As `client/fetch` has it, without TLS and credentials. */
const fetcher: Pick<Fetcher, "call" | "origin"> = {
  origin: "https://trust.example",
  async call({ method, path, body }) {
    const answer = await server.request(path, {
      method,
      ...(body !== undefined && { headers: { "content-type": body.type }, body: body.bytes }),
    });
    return { status: answer.status, type: undefined, code: answer.code, body: answer.body };
  },
};
const theServer = keyServer(async () => fetcher as Fetcher);

async function lockedUp(
  { listed, pkcs8 }: ForeignKey,
  changes: Partial<LockedKey> & { readonly under?: string } = {},
): Promise<LockedKey> {
  const { under = passphrase, ...rest } = changes;
  const sec1 = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" }).export({
    format: "der",
    type: "sec1",
  });
  const sealed = await new CompactEncrypt(sec1)
    .setProtectedHeader({ alg: "PBES2-HS256+A128KW", enc: "A256GCM" })
    .setKeyManagementParameters({ p2c: 1_000 })
    .encrypt(Buffer.from(under));
  const publicKey = Buffer.from(listed.public, "base64");
  return {
    keyId: listed.id,
    repository: app,
    role: "timestamp",
    algorithm: "ecdsa",
    alias: "a",
    publicKey,
    sealed,
    ...rest,
  };
}

const transfer = (locked: readonly LockedKey[], changes: Partial<Transfer> = {}) =>
  transferKeys(locked, { server: theServer, passphrases, repositories: [], dryRun: false, ...changes });
const foreign = (repository: string, options: Partial<ForeignOptions> = {}) =>
  foreignRepository(server.store, repository, { at: start, ...options });
const held = async (repository: string) =>
  (await theServer.standing(repository))?.map(({ keys }) => keys.some((key) => key.held));

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof OldKeyError) return error.code;
    throw error;
  }
  return "none";
}

describe("keys of an old signer", () => {
  it("are brought to the repositories whose roots list them", async () => {
    const [one, two] = [await foreign(app), await foreign(other)];
    const locked = await Promise.all([
      lockedUp(one.timestamp),
      lockedUp(one.snapshot, { role: "snapshot" }),
      lockedUp(two.timestamp, { repository: other }),
    ]);
    expect(await transfer(locked)).toEqual([
      {
        repository: app,
        outcome: "taken",
        without: [],
        keys: [
          { role: "timestamp", id: one.timestamp.listed.id },
          { role: "snapshot", id: one.snapshot.listed.id },
        ],
      },
      {
        repository: other,
        outcome: "taken",
        without: ["snapshot"],
        keys: [{ role: "timestamp", id: two.timestamp.listed.id }],
      },
    ]);
    expect([await held(app), await held(other)]).toEqual([
      [true, true],
      [true, false],
    ]);
    expect((await transfer(locked)).map(({ outcome }) => outcome)).toEqual(["held", "held"]);
  });

  it("that are wanted by nobody stay locked, whatever their passphrase is", async () => {
    const { timestamp } = await foreign(app);
    const stranger = (await foreign(other)).timestamp;
    const unwanted = await lockedUp(stranger, { under: "another passphrase", repository: "gone.example/x" });
    const [first, second] = await transfer([await lockedUp(timestamp), unwanted]);
    expect([first?.outcome, second?.outcome]).toEqual(["absent", "taken"]);
    expect(await held(app)).toEqual([true, false]);
  });

  it("are those of the repositories that are named, in a table without names, too", async () => {
    const { timestamp } = await foreign(app);
    const nameless = await lockedUp(timestamp, { repository: "" });
    expect(await codeOf(transfer([nameless]))).toBe("OLD_KEYS_FOREIGN");
    expect((await transfer([nameless], { repositories: [app] }))[0]?.outcome).toBe("taken");
  });

  it("are only opened, and not brought, to see what would happen", async () => {
    const { timestamp } = await foreign(app);
    const [done] = await transfer([await lockedUp(timestamp)], { dryRun: true });
    expect([done?.outcome, done?.without]).toEqual(["taken", ["snapshot"]]);
    expect(await held(app)).toEqual([false, false]);
  });

  it("change nothing under another passphrase", async () => {
    const [one, two] = [await foreign(app), await foreign(other)];
    const locked = [
      await lockedUp(one.timestamp),
      await lockedUp(two.timestamp, { repository: other, alias: "b", under: "another passphrase" }),
    ];
    expect(await codeOf(transfer(locked))).toBe("OLD_PASSPHRASE_WRONG");
    expect([await held(app), await held(other)]).toEqual([
      [false, false],
      [false, false],
    ]);
  });

  it("of which one is damaged keep the others from nothing", async () => {
    const [one, two] = [await foreign(app), await foreign(other)];
    const bad = await lockedUp(two.timestamp, { repository: other, under: "another passphrase" });
    const [first, second] = await transfer([await lockedUp(one.timestamp), bad]);
    expect([first?.outcome, second?.outcome]).toEqual(["taken", "failed"]);
    expect(second?.fault).toContain(two.timestamp.listed.id);
    expect([second?.keys, second?.without]).toEqual([[], ["timestamp", "snapshot"]]);
    expect([await held(app), await held(other)]).toEqual([
      [true, false],
      [false, false],
    ]);
  });

  it("of another signer are refused, and named as that", async () => {
    await foreign(app);
    const stranger = (await foreign(other)).timestamp;
    expect(await codeOf(transfer([await lockedUp(stranger)]))).toBe("OLD_KEYS_FOREIGN");
    expect(await held(app)).toEqual([false, false]);
  });

  it("that the server refuses are told with its words", async () => {
    const { timestamp } = await foreign(app);
    const refusing = {
      ...theServer,
      bring: () => theServer.bring(app, [{ role: "snapshot", pkcs8: timestamp.pkcs8 }]),
    };
    const [done] = await transfer([await lockedUp(timestamp)], { server: refusing });
    expect(done?.outcome).toBe("failed");
    expect(done?.fault).toContain("ONLINE_KEY_UNLISTED");
  });
});

describe("a server that fails while keys are brought", () => {
  const names = Array.from({ length: 25 }, (_, index) => `registry.example.org/${index}`);

  /** It lists one key in every repository, and answers to the first so many sendings. */
  async function bringing(answers: number, failure: Error) {
    const key = (await foreign(app)).timestamp;
    const roles = (held: boolean): OnlineRoles => [
      { role: "timestamp", threshold: 1, keys: [{ id: key.listed.id, held }] },
    ];
    const sent: Buffer[] = [];
    const standIn: KeyServer = {
      standing: async () => roles(false),
      async bring(_repository, keys) {
        const isAnswered = sent.push(...keys.map(({ pkcs8 }) => Buffer.from(pkcs8))) <= answers;
        // The failure is there while others wait for their answers.
        if (!isAnswered) throw failure;
        await new Promise(setImmediate);
        return roles(true);
      },
    };
    const done = transfer([await lockedUp(key)], { server: standIn, repositories: names });
    const wiped = () => sent.filter((each) => each.every((byte) => byte === 0)).length;
    return { done, sent, wiped };
  }

  it("is sent no wiped keys, and what was brought before is told", async () => {
    const { done, sent, wiped } = await bringing(3, new TrustError("TIMEOUT", "No answer came in time."));
    const outcomes = (await done).map(({ outcome }) => outcome);
    expect(outcomes).toEqual(names.map((_, index) => (index < 3 ? "taken" : "failed")));
    expect(wiped()).toBe(0);
    expect((await done)[3]?.fault).toContain("No answer came in time.");
    // Those under way beside it, and none after.
    expect(sent.length).toBeLessThan(names.length);
    expect((await done)[24]?.fault).toContain("were not sent");
  });

  it("in what it says of one repository keeps no other from being sent", async () => {
    const { done, sent, wiped } = await bringing(3, new TrustError("BAD_ANSWER", "That is no answer."));
    expect((await done).filter(({ outcome }) => outcome === "failed")).toHaveLength(22);
    expect([sent.length, wiped()]).toEqual([25, 0]);
  });

  it("before any was brought ends the command with its reason", async () => {
    const { done } = await bringing(0, new TrustError("UNAUTHORIZED", "Log in first."));
    await expect(done).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  });

  it("by a fault of ours is told of after the last call, with keys that are not wiped", async () => {
    const { done, wiped } = await bringing(3, new RangeError("a fault"));
    await expect(done).rejects.toThrow(RangeError);
    await new Promise(setImmediate);
    expect(wiped()).toBe(0);
  });
});

it("a server that takes no keys in is named as that", async () => {
  const stock = keyServer(async () => ({
    ...(fetcher as Fetcher),
    call: async () => ({ status: 404, type: undefined, code: undefined, body: Buffer.from("{}") }),
  }));
  expect(await codeOf(stock.standing(app))).toBe("OLD_KEYS_UNTOLD");
});
