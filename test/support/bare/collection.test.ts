import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { notary } from "../../../src/core/format/notary.ts";
import { TrustedSet } from "../../../src/core/trusted-set.ts";
import { runningServer } from "../running-server.ts";
import { type CollectionHolders, type FirstPublication, publishFirst, publishNext } from "./collection.ts";
import { ExchangeError, type TrustServer } from "./exchange.ts";
import { fetchFile } from "./fetch.ts";
import { bareKey, certificateKey, generatePrivateKey, makeRootCertificate, readPrivateKey } from "./keys.ts";

const year = 365 * 86_400_000;
const facts = (digit: string) => ({ length: 5, sha256: digit.repeat(64), sha512: undefined });

let server: TrustServer;
beforeAll(async () => {
  server = await runningServer();
});

async function holdersOf(repository: string, threshold = 1): Promise<CollectionHolders> {
  const rootKey = generatePrivateKey("ecdsa");
  const certificate = await makeRootCertificate(rootKey, repository, new Date());
  return {
    root: { keys: [certificateKey(rootKey, certificate)], threshold: 1 },
    targets: {
      keys: [bareKey(generatePrivateKey("ecdsa")), bareKey(generatePrivateKey("ed25519"))],
      threshold,
    },
  };
}

async function first(repository: string, threshold = 1): Promise<FirstPublication> {
  return {
    repository,
    holders: await holdersOf(repository, threshold),
    targets: new Map([["1.0", facts("a")]]),
    rootExpires: Date.now() + 10 * year,
    targetsExpires: Date.now() + 3 * year,
  };
}

/** What a client that starts from nothing comes to trust. */
async function read(repository: string): Promise<TrustedSet> {
  const trusted = new TrustedSet({ format: notary, repository });
  const file = async (name: string) => {
    const bytes = await fetchFile(server, repository, name);
    if (bytes === undefined) throw new Error(`${name} is missing`);
    return bytes;
  };
  const at = Date.now();
  trusted.addRoot(await file("root.json"), at);
  trusted.checkRootExpiry(at);
  trusted.addTimestamp(await file("timestamp.json"), at);
  trusted.addSnapshot(await file("snapshot.json"), at);
  trusted.addTargets("targets", await file("targets.json"), at);
  return trusted;
}

const codeOf = async (work: Promise<unknown>): Promise<string | undefined> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof ExchangeError ? error.answer?.code : undefined;
};

describe("publishFirst", () => {
  it("makes a repository that a client trusts", async () => {
    const publication = await first("team/one", 2);
    await publishFirst(server, publication);
    const trusted = await read("team/one");
    expect(trusted.root?.signed.version).toBe(1);
    expect(trusted.targets.get("targets")?.signed.target("1.0")?.hashes.get("sha256")).toBe("a".repeat(64));
  });

  it("is refused with a key of keys-example, unless the server allows them", async () => {
    const publication = await first("team/example");
    const pem = readFileSync(
      resolve(import.meta.dirname, "../../../keys-example/THROW-AWAY-targets-1.pem"),
      "utf8",
    );
    const targets = { keys: [bareKey(readPrivateKey(pem))], threshold: 1 };
    const example = { ...publication, holders: { ...publication.holders, targets } };
    expect(await codeOf(publishFirst(server, example))).toBe("EXAMPLE_KEY");
    const lenient = await runningServer({ "policy.allowExampleKeys": "true" });
    await expect(publishFirst(lenient, example)).resolves.toBeUndefined();
  });

  it("fails where the repository exists already", async () => {
    await publishFirst(server, await first("team/twice"));
    expect(await codeOf(publishFirst(server, await first("team/twice")))).toBe("ROLLBACK");
  });
});

describe("publishNext", () => {
  it("publishes the next version", async () => {
    const { holders, targetsExpires: expires, ...rest } = await first("team/next");
    await publishFirst(server, { holders, targetsExpires: expires, ...rest });
    const targets = new Map([["1.1", facts("b")]]);
    const signers = holders.targets.keys;
    await publishNext(server, { repository: "team/next", current: 1, targets, signers, expires });
    const current = (await read("team/next")).targets.get("targets")?.signed;
    expect([current?.version, ...(current?.targetNames() ?? [])]).toEqual([2, "1.1"]);
  });

  it("is refused with fewer signers than the threshold", async () => {
    const publication = await first("team/few", 2);
    await publishFirst(server, publication);
    const signers = publication.holders.targets.keys.slice(0, 1);
    const { targets, targetsExpires: expires } = publication;
    const work = publishNext(server, { repository: "team/few", current: 1, targets, signers, expires });
    expect(await codeOf(work)).toBe("THRESHOLD");
  });
});
