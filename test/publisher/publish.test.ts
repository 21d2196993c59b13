/** Publishing on the real server, with keys in the hand and a client's eyes afterwards. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openTrust, type Trust } from "../../src/client/trust.ts";
import { notary } from "../../src/core/format/notary.ts";
import type { KeyInfo } from "../../src/publisher/custody/custody.ts";
import { defaultLifetimes, type Edit } from "../../src/publisher/edits.ts";
import { PublishError } from "../../src/publisher/errors.ts";
import { facts } from "../../src/publisher/files.ts";
import { publishNew } from "../../src/publisher/first.ts";
import { type PublisherTools, publishEdits } from "../../src/publisher/publish.ts";
import type { TrustServer } from "../support/bare/exchange.ts";
import type { PublisherKey } from "../support/bare/keys.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { inHand } from "../support/drafting.ts";
import { closeLater } from "../support/fetching.ts";
import { newKey, newRootKey } from "../support/publisher.ts";
import { runningServer } from "../support/running-server.ts";
import { emptyFolder } from "../support/trusting.ts";

let server: TrustServer;
let ca: string;
let counter = 0;
let repository: string;

beforeAll(async () => {
  server = await runningServer();
  ca = join(temporaryDirectory(), "ca.pem");
  writeFileSync(ca, server.ca);
});

beforeEach(() => {
  repository = `example.test/app${counter++}`;
});

async function trust(): Promise<Trust> {
  const opened = await openTrust({
    server: server.url,
    ca,
    policy: { repositories: [{ match: "**", tofu: true }] },
    cacheDir: emptyFolder(),
    environment: {},
  });
  closeLater(() => opened.close());
  return opened;
}

/** Somebody with these keys, and how often each was opened. */
async function publisher(...keys: readonly PublisherKey[]): Promise<PublisherTools & { opened: string[] }> {
  const held = keys.map(inHand);
  const opened: string[] = [];
  return {
    opened,
    trust: await trust(),
    format: notary,
    keys: {
      list: async (): Promise<readonly KeyInfo[]> => held.map(({ info }) => info),
      open: async (id) => {
        opened.push(id);
        const found = held.find(({ info }) => info.id === id);
        if (found === undefined) throw new Error("asked for a key that is not here");
        return found;
      },
      close: async () => {},
    },
    unlocking: { secret: async () => undefined },
    lifetimes: defaultLifetimes,
    now: Date.now,
  };
}

const add = (name: string, more: Partial<Edit & { edit: "add" }> = {}): Edit => ({
  edit: "add",
  role: "targets",
  name,
  target: facts(Buffer.from(name)),
  stood: null,
  ...more,
});

const sha256 = (name: string) => facts(Buffer.from(name)).sha256;

async function seen(name: string): Promise<string | undefined> {
  const answer = await (await trust()).lookUp({ repository, target: name });
  return answer.hashes.sha256;
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof PublishError) return error.code;
    throw error;
  }
  throw new Error("It was not refused.");
}

/** A repository with threshold 1, and its owner. */
async function owned() {
  const [root, targets] = [await newRootKey(repository, Date.now()), newKey("ecdsa")];
  const owner = await publisher(root, targets);
  await publishNew(owner, {
    repository,
    root: { keys: [root.listed], threshold: 1 },
    targets: { keys: [targets.listed], threshold: 1 },
  });
  return { root, targets, owner };
}

describe("a new repository", () => {
  it("is there with the keys that were given, and the server's for the rest", async () => {
    const { owner } = await owned();
    const { root, targets } = await (await trust()).copy(repository);
    expect(root.signed.version).toBe(1);
    expect([...targets.keys()]).toEqual(["targets"]);
    expect(owner.opened).toHaveLength(2);
  });

  it("that was made already as it is wanted is not made again", async () => {
    const { root, targets, owner } = await owned();
    const again = await publishNew(owner, {
      repository,
      root: { keys: [root.listed], threshold: 1 },
      targets: { keys: [targets.listed], threshold: 1 },
    });
    expect(again.files).toEqual([]);
    expect(owner.opened).toHaveLength(2);
  });

  it("is refused where there is another one: REPOSITORY_EXISTS", async () => {
    const { root, owner } = await owned();
    const again = publishNew(owner, {
      repository,
      root: { keys: [root.listed], threshold: 1 },
      targets: { keys: [newKey("ecdsa").listed], threshold: 1 },
    });
    expect(await codeOf(again)).toBe("REPOSITORY_EXISTS");
  });

  it("is not sent with too few signatures: SIGNERS_MISSING", async () => {
    const [one, two] = [await newRootKey(repository, Date.now()), await newRootKey(repository, Date.now())];
    const targets = newKey("ecdsa");
    const lonely = publishNew(await publisher(one, targets), {
      repository,
      root: { keys: [one.listed, two.listed], threshold: 2 },
      targets: { keys: [targets.listed], threshold: 1 },
    });
    expect(await codeOf(lonely)).toBe("SIGNERS_MISSING");
    const both = await publishNew(await publisher(one, two, targets), {
      repository,
      root: { keys: [one.listed, two.listed], threshold: 2 },
      targets: { keys: [targets.listed], threshold: 1 },
    });
    expect(both.files).toEqual([
      { role: "root", version: 1 },
      { role: "targets", version: 1 },
    ]);
  });
});

describe("edits", () => {
  it("are published and read, and what was there stays", async () => {
    const { owner } = await owned();
    await publishEdits(owner, repository, [add("a")]);
    const second = await publishEdits(owner, repository, [add("b")]);
    expect(second.files).toEqual([{ role: "targets", version: 3 }]);
    expect([await seen("a"), await seen("b")]).toEqual([sha256("a"), sha256("b")]);
  });

  it("that are done already are not published again", async () => {
    const { owner } = await owned();
    await publishEdits(owner, repository, [add("a")]);
    const again = await publishEdits(owner, repository, [add("a")]);
    expect(again.files).toEqual([]);
  });

  it("make delegations, which their own people fill", async () => {
    const { owner } = await owned();
    const builder = newKey("ed25519");
    const role = "targets/releases";
    await publishEdits(owner, repository, [
      { edit: "delegation", role, addKeys: [builder.listed], addPaths: ["v"] },
    ]);
    const theirs = await publisher(builder);
    await publishEdits(theirs, repository, [add("v1", { role })]);
    const { targets } = await (await trust()).copy(repository);
    expect(targets.get(role)?.signed.target("v1")?.hashes.get("sha256")).toBe(sha256("v1"));
    expect(await codeOf(publishEdits(theirs, repository, [add("x")]))).toBe("SIGNERS_MISSING");
  });

  it("rotate the root's key, signed by the old and the new one", async () => {
    const { root, owner } = await owned();
    const next = await newRootKey(repository, Date.now());
    const edits: Edit[] = [{ edit: "keys", role: "root", add: [next.listed], remove: [root.listed.id] }];
    expect(await codeOf(publishEdits(await publisher(root), repository, edits))).toBe("SIGNERS_MISSING");
    expect(await codeOf(publishEdits(await publisher(next), repository, edits))).toBe("SIGNERS_MISSING");
    const both = await publishEdits({ ...owner, ...(await publisher(root, next)) }, repository, edits);
    expect(both.files).toEqual([{ role: "root", version: 2 }]);
    expect((await (await trust()).copy(repository)).root.signed.version).toBe(2);
  });

  it("rotate the targets' key with everything signed again, so that readers go on", async () => {
    const { root, targets, owner } = await owned();
    await publishEdits(owner, repository, [add("a")]);
    const next = newKey("ecdsa");
    const both = await publisher(root, next);
    const done = await publishEdits(both, repository, [
      { edit: "keys", role: "targets", add: [next.listed], remove: [targets.listed.id] },
    ]);
    expect(done.files).toEqual([
      { role: "root", version: 2 },
      { role: "targets", version: 3 },
    ]);
    expect(await seen("a")).toBe(sha256("a"));
  });

  it("of which the server was faster with another's are applied to that, and it is said", async () => {
    const { targets, owner } = await owned();
    const other = await publisher(targets);
    let raced = 0;
    const slow: PublisherTools = {
      ...owner,
      trust: {
        copy: (name) => owner.trust.copy(name),
        ruling: (name) => owner.trust.ruling(name),
        sender: async (name) => {
          if (raced++ === 0) await publishEdits(other, name, [add("theirs")]);
          return await owner.trust.sender(name);
        },
      },
    };
    const done = await publishEdits(slow, repository, [add("ours")]);
    expect([done.rebased, done.files]).toEqual([1, [{ role: "targets", version: 3 }]]);
    expect([await seen("theirs"), await seen("ours")]).toEqual([sha256("theirs"), sha256("ours")]);
  });

  it("of which the answer was lost are looked for before they are told as done", async () => {
    const { owner } = await owned();
    const losing = (isSent: boolean): PublisherTools => ({
      ...owner,
      trust: {
        copy: (name) => owner.trust.copy(name),
        ruling: (name) => owner.trust.ruling(name),
        sender: async (name) => {
          const sender = await owner.trust.sender(name);
          return {
            ...sender,
            fetcher: {
              ...sender.fetcher,
              call: async (request) => {
                const { TrustError } = await import("../../src/client/errors.ts");
                if (isSent) await sender.fetcher.call(request);
                throw new TrustError("UNREACHABLE", "broke off");
              },
            },
          };
        },
      },
    });
    const done = await publishEdits(losing(true), repository, [add("a")]);
    expect([done.rebased, done.files]).toEqual([0, [{ role: "targets", version: 2 }]]);
    expect(await codeOf(publishEdits(losing(false), repository, [add("b")]))).toBe("OUTCOME_UNKNOWN");
  });

  it("that the server refuses say its code and sentence", async () => {
    const { owner } = await owned();
    const past = { ...owner, lifetimes: { ...defaultLifetimes, targets: -1 } };
    const refused = publishEdits(past, repository, [add("a")]);
    await expect(refused).rejects.toMatchObject({ code: "PUBLISH_REFUSED", serverCode: "EXPIRED" });
  });
});
