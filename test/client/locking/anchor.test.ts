/** A committed lock keeps a first contact from being a first use: the root that it was made under must be there. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { openTrust } from "../../../src/client/index.ts";
import { lockList } from "../../../src/client/list.ts";
import { encodeLock } from "../../../src/client/locking/lockfile.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { trustErrorOf } from "../../support/fetching.ts";
import { Simulator, simulatedNow } from "../../support/simulator.ts";
import { startSite } from "../../support/trust-site.ts";

const repository = "registry.example.test/team/app";
const reference = `${repository}:app`;

let sim: Simulator;
let lock: string;

/** A trust with an empty cache that trusts a first use. */
async function open(served: Simulator, lockPath?: string, cacheDir = temporaryDirectory()) {
  const site = await startSite(served);
  const trust = await openTrust({
    server: site.url,
    cacheDir,
    dockerConfig: temporaryDirectory(),
    policy: { repositories: [{ match: "**", tofu: true }] },
    now: () => simulatedNow,
    ...(lockPath === undefined ? {} : { lock: lockPath }),
  });
  onTestFinished(async () => {
    await trust.close();
    await site.close();
  });
  return trust;
}

async function newRoot(of: Simulator): Promise<void> {
  of.root.keys = [await of.rootKey()];
  of.publish();
}

beforeEach(async () => {
  sim = await Simulator.create(repository);
  await newRoot(sim);
  const trust = await open(sim);
  const locked = await lockList(`${reference}\n`, { trust, now: () => simulatedNow });
  lock = join(temporaryDirectory(), "vidimus.lock");
  writeFileSync(lock, encodeLock(locked.lock));
});

describe("with an empty cache and a lock", () => {
  it("the same repository is trusted again", async () => {
    expect((await (await open(sim, lock)).resolve(reference)).versions.root).toBe(2);
  });

  it("its root is followed over rotations", async () => {
    await newRoot(sim);
    await newRoot(sim);
    expect((await (await open(sim, lock)).resolve(reference)).versions.root).toBe(4);
  });

  it.each([2, 3, 5])("another repository of that name with root %i is refused", async (version) => {
    const other = await Simulator.create(repository);
    for (let root = 2; root <= version; root++) await newRoot(other);
    await expect((await open(other, lock)).resolve(reference)).rejects.toMatchObject({
      code: "REPOSITORY_REPLACED",
    });
  });

  it("a repository that is not served any more was signed, as the lock knows", async () => {
    const other = await Simulator.create("registry.example.test/team/other");
    const error = await trustErrorOf((await open(other, lock)).resolve(reference));
    expect(error).toMatchObject({ code: "NO_TRUST_DATA", remedy: { who: "server operator" } });
    expect(error.message).toMatch(/ any more: it was signed and served there, as the lock knows\.$/);
  });

  it("a root below that of the lock is refused", async () => {
    const other = await Simulator.create(repository);
    await expect((await open(other, lock)).resolve(reference)).rejects.toMatchObject({ code: "BELOW_LOCK" });
  });
});

it.each([2, 3, 5])(
  "a chain of %i roots that is entered at its first one is no way around it",
  async (version) => {
    const other = await Simulator.create(repository);
    const first = other.served.get("root") as Buffer;
    for (let root = 2; root <= version; root++) await newRoot(other);
    // `root.json` is an old one; the roots after it are there by version.
    other.served.set("root", first);
    const trust = await open(other, lock);
    await expect(trust.resolve(reference)).rejects.toMatchObject({ code: "REPOSITORY_REPLACED" });
    await expect(lockList(`${reference}\n`, { trust, now: () => simulatedNow })).rejects.toThrow();
  },
);

describe("with a cache that knows another repository of that name", () => {
  async function metBefore(version: number): Promise<[Simulator, string]> {
    const other = await Simulator.create(repository);
    for (let root = 2; root <= version; root++) await newRoot(other);
    const cacheDir = temporaryDirectory();
    await (await open(other, undefined, cacheDir)).resolve(reference);
    return [other, cacheDir];
  }

  it.each([2, 4])("at root %i, a lock of the right one refuses it", async (version) => {
    const [other, cacheDir] = await metBefore(version);
    await expect((await open(other, lock, cacheDir)).resolve(reference)).rejects.toMatchObject({
      code: "REPOSITORY_REPLACED",
    });
  });

  it("the right one, met later than its lock was made, is trusted", async () => {
    await newRoot(sim);
    await newRoot(sim);
    const cacheDir = temporaryDirectory();
    await (await open(sim, undefined, cacheDir)).resolve(reference);
    expect((await (await open(sim, lock, cacheDir)).resolve(reference)).versions.root).toBe(4);
  });
});

it("without a lock a first use is a first use", async () => {
  const other = await Simulator.create(repository);
  expect((await (await open(other)).resolve(reference)).versions.root).toBe(1);
});
