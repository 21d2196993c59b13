/**
 * Random histories of a simulated repository, with all that brute force needs to know of them: every private key, every
 * generation, and who was meant to sign what.
 */
import fc from "fast-check";
import { sha256Hex } from "../../src/core/bytes.ts";
import { notary } from "../../src/core/format/notary.ts";
import type { Metadata } from "../../src/core/model.ts";
import { type Past, pastOf, type Row } from "../../src/history/past.ts";
import type { PublisherKey } from "../support/bare/keys.ts";
import { newKey, Simulator, simulatedNow, someTarget } from "../support/simulator.ts";

const day = 86_400_000;

export interface RoleThen {
  readonly keys: readonly PublisherKey[];
  readonly threshold: number;
  readonly paths: readonly string[];
  readonly declared: boolean;
  readonly filed: boolean;
}

/** What there was from one publication to the next. */
export interface Moment {
  readonly at: number;
  readonly files: ReadonlyMap<string, Buffer>;
  readonly roots: ReadonlyMap<number, Buffer>;
  readonly roles: ReadonlyMap<string, RoleThen>;
  readonly root: RoleThen;
  readonly snapshot: readonly PublisherKey[];
  readonly timestamp: readonly PublisherKey[];
  /** Whose signatures the files that changed got. */
  readonly signers: ReadonlyMap<string, readonly PublisherKey[]>;
}

export interface History {
  /** As it stands after the last step. */
  readonly sim: Simulator;
  readonly repository: string;
  readonly moments: readonly Moment[];
  readonly past: Past;
  readonly bytes: ReadonlyMap<string, Buffer>;
  open(row: Row): Promise<Metadata | undefined>;
}

export const step = fc.oneof(
  fc.record({
    kind: fc.constant("delegate" as const),
    under: fc.nat(),
    keys: fc.integer({ min: 1, max: 3 }),
    threshold: fc.integer({ min: 1, max: 3 }),
    path: fc.constantFrom("", "a", "ap", "b"),
    filed: fc.boolean(),
    shared: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("target" as const), role: fc.nat(), name: fc.constantFrom("app", "b1") }),
  fc.record({ kind: fc.constant("drop key" as const), role: fc.nat() }),
  fc.record({ kind: fc.constant("add key" as const), role: fc.nat() }),
  fc.record({
    kind: fc.constant("threshold" as const),
    role: fc.nat(),
    threshold: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({ kind: fc.constant("remove" as const), role: fc.nat() }),
  fc.record({
    kind: fc.constant("short life" as const),
    role: fc.nat(),
    days: fc.integer({ min: 1, max: 4 }),
  }),
  fc.record({ kind: fc.constant("renew" as const), role: fc.nat() }),
  fc.record({ kind: fc.constant("key again" as const), role: fc.nat() }),
  fc.record({ kind: fc.constant("root key" as const) }),
  fc.record({ kind: fc.constant("root ends" as const), days: fc.integer({ min: 1, max: 30 }) }),
);
export type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** One publication a day. */
export async function played(steps: readonly Step[]): Promise<History> {
  const sim = await Simulator.create();
  const moments: Moment[] = [];
  const rows: Row[] = [];
  const bytes = new Map<string, Buffer>();
  let number = 0;
  let previousRoot = sim.root.keys;
  const record = () => {
    const at = simulatedNow + moments.length * day;
    const signers = new Map<string, readonly PublisherKey[]>();
    const all = new Map<string, { keys: PublisherKey[]; signers: readonly PublisherKey[] | undefined }>([
      ...sim.targets,
      ["root", sim.root],
      ["snapshot", sim.snapshot],
      ["timestamp", sim.timestamp],
    ]);
    for (const role of sim.changed) {
      const state = all.get(role);
      const file = sim.generations.at(-1)?.get(role) as Buffer;
      const { version, expires } = notary.parse(role, file).signed;
      const sha256 = sha256Hex(file);
      rows.push({ role, version, sha256, storedAt: at, expires, revision: moments.length + 1 });
      bytes.set(sha256, file);
      const others = role === "root" ? previousRoot : [];
      signers.set(role, [...new Set([...(state?.signers ?? state?.keys ?? []), ...others])]);
    }
    previousRoot = [...sim.root.keys];
    const then = (state: Omit<RoleThen, "paths" | "declared" | "filed"> & Partial<RoleThen>): RoleThen => ({
      keys: [...state.keys],
      threshold: state.threshold,
      paths: [...(state.paths ?? [""])],
      declared: state.declared ?? true,
      filed: state.filed ?? true,
    });
    moments.push({
      at,
      files: new Map(sim.generations.at(-1)),
      roots: new Map(sim.roots),
      roles: new Map([...sim.targets].map(([role, state]) => [role, then(state)])),
      root: then(sim.root),
      snapshot: [...sim.snapshot.keys],
      timestamp: [...sim.timestamp.keys],
      signers,
    });
  };
  record();
  for (const each of steps) {
    await apply(sim, each, () => number++, simulatedNow + moments.length * day);
    // Nobody publishes a root whose threshold can never be reached.
    const top = sim.targetsOf("targets");
    top.threshold = Math.min(top.threshold, top.keys.length);
    sim.publish();
    record();
  }
  const changes = moments.map(({ at }, index) => ({
    revision: index + 1,
    at,
    kind: "publish" as const,
    principal: `person ${index}`,
  }));
  return {
    sim,
    repository: sim.repository,
    moments,
    bytes,
    past: pastOf(sim.repository, notary, rows, changes),
    async open(row) {
      const file = bytes.get(row.sha256);
      return file && notary.parse(row.role, file);
    },
  };
}

/** The key that was taken out of a role last. */
const dropped = new WeakMap<object, PublisherKey>();

async function apply(sim: Simulator, each: Step, next: () => number, at: number): Promise<void> {
  const roles = [...sim.targets.keys()];
  const chosen = (index: number) => roles[index % roles.length] as string;
  switch (each.kind) {
    case "delegate": {
      const parent = chosen(each.under);
      const role = `${parent}/r${next()}`;
      const keys = Array.from({ length: each.keys }, () => newKey());
      if (each.shared) keys[0] = sim.targetsOf("targets").keys[0] as PublisherKey;
      sim.delegate(role, { keys, threshold: each.threshold, paths: [each.path], filed: each.filed });
      return;
    }
    case "target":
      sim.targetsOf(chosen(each.role)).names.set(each.name, someTarget(`${each.name} ${next()}`));
      return;
    // Without another publication of the child its file keeps the signatures that it has.
    case "drop key": {
      const state = sim.targetsOf(chosen(each.role));
      if (state.keys.length > 1) {
        dropped.set(state, state.keys[0] as PublisherKey);
        state.keys = state.keys.slice(1);
      }
      return;
    }
    case "key again": {
      const state = sim.targetsOf(chosen(each.role));
      const key = dropped.get(state);
      if (key !== undefined && !state.keys.includes(key)) state.keys = [...state.keys, key];
      return;
    }
    case "renew":
      sim.targetsOf(chosen(each.role)).expires = at + 300 * day;
      return;
    case "add key": {
      const state = sim.targetsOf(chosen(each.role));
      state.keys = [...state.keys, newKey()];
      return;
    }
    case "threshold":
      sim.targetsOf(chosen(each.role)).threshold = each.threshold;
      return;
    case "remove": {
      const role = chosen(each.role);
      if (role === "targets") return;
      for (const below of roles)
        if (below === role || below.startsWith(`${role}/`)) sim.targets.delete(below);
      return;
    }
    case "short life":
      sim.targetsOf(chosen(each.role)).expires = at + each.days * day;
      return;
    case "root key":
      sim.root.keys = [await sim.rootKey()];
      return;
    case "root ends":
      sim.root.expires = at + each.days * day;
  }
}
