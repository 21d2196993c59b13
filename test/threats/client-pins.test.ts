/** First contact, pins and rotations (docs/threats.md: V36, R1, W10): what the policy says is what counts. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { encodeLock } from "../../src/client/locking/lockfile.ts";
import type { ResolvedImage } from "../../src/client/result.ts";
import {
  certificateKey,
  generatePrivateKey,
  makeRootCertificate,
  type PublisherKey,
} from "../support/bare/keys.ts";
import { again } from "../support/forgery.ts";
import { newKey } from "../support/publisher.ts";
import { Simulator, someTarget } from "../support/simulator.ts";
import { codeOf, refusalOf, stances, startVisit, type Visit } from "../support/visits.ts";

let visit: Visit;
let sim: Simulator;

beforeEach(async () => {
  visit = await startVisit();
  sim = visit.sim;
});
afterEach(async () => await visit.close());

const visited = stances.slice(1);
const idsOf = (keys: readonly PublisherKey[]) => keys.map(({ listed }) => listed.id);
const pinned = (keys: readonly PublisherKey[], more: object = {}) => ({
  rule: { tofu: false, root: { pins: { keys: idsOf(keys) }, ...more } },
});

/** The root gets another key; signed by the old one as well. */
async function rotate(): Promise<void> {
  sim.root.keys = [await sim.rootKey()];
  sim.publish();
}

/** The site serves another repository of the same name. */
async function replace(): Promise<Simulator> {
  const other = await Simulator.create(sim.repository);
  visit.site.add(other);
  return other;
}

describe("V36: first contact", () => {
  test("V36: without a pin and without tofu it is refused, and nothing is kept", async () => {
    const refusal = await refusalOf(visit.ask(await visit.open({ rule: { tofu: false } })));
    expect(refusal.code).toBe("NO_PIN");
    expect(visit.state()).toBeUndefined();
  });

  test("V36: with a pin that fits it is trusted", async () => {
    expect((await visit.ask(await visit.open(pinned(sim.root.keys)))).role).toBe("targets");
  });

  test("V36: with a pin that does not fit it is refused, tofu or not, and nothing is kept", async () => {
    for (const tofu of [true, false]) {
      const { rule } = pinned([newKey()]);
      expect(await codeOf(visit.ask(await visit.open({ rule: { ...rule, tofu } })))).toBe("PIN_MISMATCH");
    }
    expect(visit.state()).toBeUndefined();
  });

  test("V36: a root of a stranger that lists the pinned key, which did not sign, is refused", async () => {
    const pins = pinned(sim.root.keys);
    const stranger = await sim.rootKey();
    sim.root.signers = [stranger];
    sim.root.keys = [...sim.root.keys, stranger];
    sim.publish();
    expect(await codeOf(visit.ask(await visit.open(pins)))).toBe("PIN_MISMATCH");
  });
});

describe.each(stances)("R1: before %s the root is rotated outside of the pins", (stance) => {
  test("R1: repin refuses it with both keys and what to do, until the new one is pinned", async () => {
    const client = await visit.client(stance, pinned(sim.root.keys));
    const before = visit.state();
    const old = sim.root.keys;
    await rotate();
    const refusal = await refusalOf(visit.ask(client));
    expect(refusal.code).toBe("PIN_ROTATED");
    expect(refusal.detail?.command).toContain("pin add");
    expect(refusal.detail?.oldKeyIds).toHaveLength(1);
    expect(refusal.detail?.oldKeyIds).not.toEqual(refusal.detail?.newKeyIds);
    expect(visit.state()).toEqual(before);
    const both = await visit.open(pinned([...old, ...sim.root.keys]));
    expect((await visit.ask(both)).versions.root).toBe(2);
  });

  test("R1: anchor follows it", async () => {
    const client = await visit.client(stance, pinned(sim.root.keys, { onRotation: "anchor" }));
    await rotate();
    await rotate();
    expect((await visit.ask(client)).versions.root).toBe(3);
  });

  test("R1: anchor follows nobody whom the pinned root did not appoint", async () => {
    const client = await visit.client(stance, pinned(sim.root.keys, { onRotation: "anchor" }));
    const before = visit.state();
    sim.root.keys = [await sim.rootKey()];
    sim.root.signers = sim.root.keys;
    sim.publish();
    const expected = stance === "a fresh client" ? "PIN_MISMATCH" : "ROOT_NOT_SIGNED_BY_PREVIOUS";
    expect(await codeOf(visit.ask(client))).toBe(expected);
    expect(visit.state()).toEqual(before);
  });
});

test.each(["repin", "anchor"])(
  "R6: where the chain from the pinned root has a gap, %s refuses",
  async (onRotation) => {
    const options = pinned(sim.root.keys, { onRotation });
    await rotate();
    await rotate();
    for (const version of [1, 2]) {
      sim.repair();
      sim.roots.delete(version);
      expect(await codeOf(visit.ask(await visit.open(options)))).toBe("PIN_MISMATCH");
    }
    expect(visit.state()).toBeUndefined();
  },
);

test("R6: a chain from the pinned root that is longer than the limit is refused", async () => {
  const options = pinned(sim.root.keys, { onRotation: "anchor" });
  for (let root = 0; root < 5; root++) await rotate();
  const limited = await visit.open({ ...options, limits: { roots: 3 } });
  expect(await codeOf(visit.ask(limited))).toBe("TOO_MANY_ROOTS");
  expect((await visit.ask(await visit.open(options))).versions.root).toBe(6);
});

describe.each(stances)("V2, V3: to %s the policy counts for itself", (stance) => {
  const two = { rule: { root: { minThreshold: 2 } } };

  test("V3: a root threshold of one is not enough where the policy demands two signers", async () => {
    const client = await visit.client(stance, two).catch(() => visit.open(two));
    expect(await codeOf(visit.ask(client))).toBe("POLICY_THRESHOLD");
    sim.root.keys = [...sim.root.keys, await sim.rootKey()];
    sim.publish();
    expect((await visit.ask(client)).versions.root).toBe(2);
  });

  test("V2: two certificates of one key are one signer, and one pin", async () => {
    const key = generatePrivateKey("ecdsa");
    const certificate = async () =>
      certificateKey(again(key), await makeRootCertificate(key, sim.repository, new Date(sim.now)));
    const twins = [await certificate(), await certificate()];
    sim.root.keys = [...twins, await sim.rootKey()];
    sim.publish();
    const options = pinned(twins, { minThreshold: 2 });
    expect(await codeOf(visit.ask(await visit.open(options)))).toBe("PIN_MISMATCH");
    sim.root.signers = twins;
    sim.root.expires += 1_000;
    sim.publish();
    expect(await codeOf(visit.ask(await visit.open(two)))).toBe("POLICY_THRESHOLD");
  });

  test.each(["targets", "targets/releases"])("V3: so it does for %s", async (role) => {
    const state = role === "targets" ? sim.targetsOf(role) : sim.delegate(role);
    state.names.set("app", someTarget("app"));
    sim.publish();
    const client = await visit.client(stance);
    await visit.ask(client);
    const strict = await visit.open({ rule: { roles: { [role]: { minThreshold: 2 } } } });
    expect(await codeOf(visit.ask(strict))).toBe("POLICY_THRESHOLD");
    state.keys = [...state.keys, newKey()];
    state.threshold = 2;
    sim.publish();
    expect((await visit.ask(strict)).threshold).toEqual({ needed: 2, signed: 2 });
  });
});

describe.each(visited)("W10: %s finds another repository of the same name", (stance) => {
  test("W10: it is refused as such until somebody has it forgotten", async () => {
    const client = await visit.client(stance);
    const before = visit.state();
    const other = await replace();
    expect(await codeOf(visit.ask(client))).toBe("REPOSITORY_REPLACED");
    expect(visit.state()).toEqual(before);
    await client.forget(sim.repository);
    expect((await visit.ask(client)).onlineKeyIds.timestamp).toEqual(other.onlineKeys("timestamp"));
  });

  test("W10: one with more roots is refused too", async () => {
    const client = await visit.client(stance);
    const other = await replace();
    other.root.expires += 1_000;
    other.publish();
    expect(await codeOf(visit.ask(client))).toBe("ROOT_NOT_SIGNED_BY_PREVIOUS");
  });

  test("W10: an old root of the repository itself is no replacement, whoever signs below it", async () => {
    const stolen = sim.timestamp.keys;
    const client = await visit.client(stance);
    sim.timestamp.keys = [newKey()];
    sim.publish();
    await visit.ask(client);
    sim.break.replayAll(0);
    sim.break.signWith("timestamp", stolen);
    expect(await codeOf(visit.ask(client))).toBe("THRESHOLD");
    await visit.recovers(client);
  });

  test("W10: pins hold for the new one as well", async () => {
    const client = await visit.client(stance, pinned(sim.root.keys));
    await replace();
    await client.forget(sim.repository);
    expect(await codeOf(visit.ask(client))).toBe("PIN_MISMATCH");
  });
});

describe("S2: a lock is a floor where the cache is empty", () => {
  function lock({ repository, target, ...image }: ResolvedImage): string {
    const path = join(visit.cacheDir, "vidimus.lock");
    const { reference, hashes, offline, checkedAt, signers, ...rest } = image;
    const locked = {
      ...rest,
      repository,
      target,
      name: repository,
      tag: target,
      signers: signers.map(({ keyId }) => keyId),
      files: ["app.txt"],
    };
    const lockedAt = new Date(sim.now).toISOString();
    writeFileSync(path, encodeLock({ lockedAt, images: [locked], unverified: [] }));
    return path;
  }

  /** A lock of the third generation, in which all but the root is newer than in the second; and no cache. */
  async function locked(): Promise<string> {
    sim.delegate("targets/releases").names.set("app", someTarget("released"));
    sim.root.expires += 1_000;
    sim.publish();
    sim.targetsOf("targets/releases").names.set("app", someTarget("released again"));
    sim.targetsOf("targets").names.set("other", someTarget("other"));
    sim.publish();
    const trust = await visit.open();
    const path = lock(await visit.ask(trust));
    await trust.forget(sim.repository);
    return path;
  }

  test.each(["root", "timestamp", "snapshot", "targets", "targets/releases"])(
    "S2, S11: an older %s is below it",
    async (role) => {
      const trust = await visit.open({ lock: await locked() });
      if (role === "root") sim.roots.delete(2);
      if (role === "root") sim.break.replayAll(0);
      else if (role === "timestamp") sim.break.replayAll(1);
      else sim.break.replay(role, 1);
      if (role === "snapshot") sim.break.stamp();
      if (role.startsWith("targets")) sim.break.vouch();
      const refusal = await refusalOf(visit.ask(trust));
      expect([refusal.code, refusal.role]).toEqual(["BELOW_LOCK", role]);
    },
  );

  test("S2: what is below it is not taken for the first contact", async () => {
    const trust = await visit.open({ lock: await locked() });
    const other = await replace();
    expect(await codeOf(visit.ask(trust))).toBe("BELOW_LOCK");
    expect(visit.state()).toBeUndefined();
    expect(other.repository).toBe(sim.repository);
    visit.site.add(sim);
    expect((await visit.ask(trust)).versions.root).toBe(2);
  });

  test("S3: it ends where the root gives the online roles other keys", async () => {
    const trust = await visit.open({ lock: await locked() });
    sim.timestamp.keys = [newKey()];
    sim.timestamp.version = 1;
    sim.publish();
    expect((await visit.ask(trust)).versions.timestamp).toBe(1);
  });
});
