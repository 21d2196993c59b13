/** A committed lock keeps a first contact from being a first use: the root that it was made under must be there. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { openTrust } from "../../src/client/index.ts";
import { lockList } from "../../src/client/list.ts";
import { encodeLock } from "../../src/client/lockfile.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { Simulator, simulatedNow } from "../support/simulator.ts";
import { startSite } from "../support/trust-site.ts";

const repository = "registry.example.test/team/app";
const reference = `${repository}:app`;

let sim: Simulator;
let lock: string;

/** A trust with an empty cache that trusts a first use. */
async function open(served: Simulator, lockPath?: string) {
  const site = await startSite(served);
  const trust = await openTrust({
    server: site.url,
    cacheDir: temporaryDirectory(),
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

  it("a root below that of the lock is refused", async () => {
    const other = await Simulator.create(repository);
    await expect((await open(other, lock)).resolve(reference)).rejects.toMatchObject({ code: "BELOW_LOCK" });
  });
});

it("without a lock a first use is a first use", async () => {
  const other = await Simulator.create(repository);
  expect((await (await open(other)).resolve(reference)).versions.root).toBe(1);
});
