/**
 * What is foretold against what then happens: the hypothesis is made true in a simulated repository, by publishing, and a
 * client reads that.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { notary } from "../../src/core/format/notary.ts";
import { parentRole } from "../../src/core/names.ts";
import { type Hypothesis, type Served, simulate } from "../../src/simulation/simulate.ts";
import { played, step } from "../history/histories.ts";
import type { PublisherKey } from "../support/bare/keys.ts";
import { propertyTimeout, runs } from "../support/properties.ts";
import { newClient, update } from "../support/reader.ts";
import { codeOf } from "../support/refusal.ts";
import type { Simulator } from "../support/simulator.ts";

const day = 86_400_000;

function servedBy(sim: Simulator): Served {
  const roots = [...sim.roots].sort(([a], [b]) => a - b).map(([, bytes]) => bytes);
  const { served } = sim;
  return {
    repository: sim.repository,
    format: notary,
    roots,
    timestamp: served.get("timestamp") as Buffer,
    snapshot: served.get("snapshot") as Buffer,
    targets: new Map([...served].filter(([role]) => role.startsWith("targets"))),
    renewed: new Set(["timestamp", "snapshot"]),
  };
}

/** Roles that a real client holds after an update from the beginning, or the code that it stops with. */
async function read(sim: Simulator, at: number): Promise<readonly string[] | string> {
  sim.now = at;
  const client = newClient(sim);
  let refusal: unknown;
  try {
    update(client, sim);
  } catch (error) {
    refusal = error;
  }
  if (refusal !== undefined) return await codeOf(Promise.reject(refusal));
  return [...client.targets.keys()].sort();
}

/** The same as it was foretold: a role counts if all above it do. */
async function foretold(served: Served, hypothesis: Hypothesis, at: number) {
  const { verdicts } = await simulate(served, hypothesis, at, ["targets/**"]);
  const code = (role: string) => verdicts.find((each) => each.role === role)?.code;
  for (const role of ["root", "timestamp", "snapshot", "targets"]) if (code(role) !== "ok") return code(role);
  const counts = (role: string): boolean => {
    const parent = parentRole(role);
    return code(role) === "ok" && (parent === undefined || counts(parent));
  };
  return verdicts
    .map(({ role }) => role)
    .filter((role) => role.startsWith("targets") && counts(role))
    .sort();
}

/** Renewed as a server would, with the files of people as they are. */
function renew(sim: Simulator, at: number): void {
  sim.snapshot.expires = at + 1_000 * day;
  sim.timestamp.expires = at + 1_000 * day;
}

/** Publishes other keys for a role whose own file stays as it is signed. */
function leaveOut(sim: Simulator, key: PublisherKey): void {
  for (const state of sim.targets.values()) {
    if (!state.keys.includes(key)) continue;
    state.signers ??= state.keys;
    state.keys = state.keys.filter((each) => each !== key);
    state.threshold = Math.max(1, state.threshold);
  }
}

const steps = fc.array(step, { maxLength: 9 });

it("nobody signs until an instant: as clients then find it", { timeout: propertyTimeout }, async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 0, max: 40 }), async (history, days) => {
      const { sim, moments } = await played(history);
      const at = (moments.at(-1)?.at ?? 0) + days * day;
      const before = servedBy(sim);
      const said = await foretold(before, { what: "nothing" }, at);
      renew(sim, at);
      sim.publish();
      expect(said).toEqual(await read(sim, at));
    }),
    runs(40),
  );
});

it("a delegation is removed: as clients find it when it is", { timeout: propertyTimeout }, async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.nat(), async (history, which) => {
      const { sim, moments } = await played(history);
      const delegations = [...sim.targets.keys()].filter((role) => role !== "targets");
      const role = delegations[which % Math.max(1, delegations.length)];
      fc.pre(role !== undefined);
      const at = (moments.at(-1)?.at ?? 0) + 1;
      const said = await foretold(servedBy(sim), { what: "undelegated", role: role as string }, at);
      for (const each of delegations) {
        if (each === role || each.startsWith(`${role}/`)) sim.targets.delete(each);
      }
      renew(sim, at);
      sim.publish();
      expect(said).toEqual(await read(sim, at));
    }),
    runs(40),
  );
});

it("a key of delegations is revoked: as clients find it when it is", {
  timeout: propertyTimeout,
}, async () => {
  await fc.assert(
    fc.asyncProperty(steps, fc.nat(), async (history, which) => {
      const { sim, moments } = await played(history);
      const own = new Set(sim.targetsOf("targets").keys);
      const keys = [...sim.targets].flatMap(([, state]) => state.keys).filter((key) => !own.has(key));
      const key = keys[which % Math.max(1, keys.length)];
      fc.pre(key !== undefined);
      const at = (moments.at(-1)?.at ?? 0) + 1;
      const { listed } = key as PublisherKey;
      const said = await foretold(servedBy(sim), { what: "revoked", key: listed.id }, at);
      leaveOut(sim, key as PublisherKey);
      renew(sim, at);
      sim.publish();
      expect(said).toEqual(await read(sim, at));
    }),
    runs(40),
  );
});

it("a name is answered as the look-up of clients answers it", async () => {
  const { sim } = await played([
    { kind: "delegate", under: 0, keys: 1, threshold: 1, path: "", filed: true, shared: false },
    { kind: "target", role: 1, name: "b1" },
  ]);
  const at = sim.now + 10 * day;
  const served = servedBy(sim);
  const [delegation] = [...sim.targets.keys()].filter((role) => role !== "targets");
  const names = async (hypothesis: Hypothesis, when = at) =>
    (await simulate(served, hypothesis, when, ["targets/**"])).names.map(({ name, role, code }) => [
      name,
      role,
      code,
    ]);
  expect(await names({ what: "nothing" })).toEqual([
    ["app", "targets", undefined],
    ["b1", delegation, undefined],
  ]);
  expect(await names({ what: "undelegated", role: delegation ?? "" })).toEqual([
    ["app", "targets", undefined],
    ["b1", undefined, "NOT_SIGNED"],
  ]);
  // No silent fallback: a role that counts and cannot be used refuses every name that it has a say about.
  const [key] = sim.targetsOf(delegation ?? "").keys;
  expect(await names({ what: "revoked", key: key?.listed.id ?? "" })).toEqual([
    ["app", undefined, "ROLE_UNAVAILABLE"],
    ["b1", undefined, "ROLE_UNAVAILABLE"],
  ]);
  expect(await names({ what: "nothing" }, at + 1_200 * day)).toEqual([
    ["app", undefined, "EXPIRED"],
    ["b1", undefined, "EXPIRED"],
  ]);
});

it("every role that has to be signed again is named, also below one that is broken", async () => {
  const { sim } = await played([
    { kind: "delegate", under: 0, keys: 1, threshold: 1, path: "", filed: true, shared: true },
  ]);
  const [targetsKey] = sim.targetsOf("targets").keys;
  const { verdicts } = await simulate(
    servedBy(sim),
    { what: "revoked", key: targetsKey?.listed.id ?? "" },
    sim.now + day,
    ["targets"],
  );
  expect(verdicts.map(({ role, code, needed, keys }) => [role, code, needed, keys])).toEqual([
    ["root", "ok", 1, 1],
    ["timestamp", "ok", 1, 1],
    ["snapshot", "ok", 1, 1],
    ["targets", "THRESHOLD", 1, 0],
    ["targets/r0", "THRESHOLD", 1, 0],
  ]);
});
