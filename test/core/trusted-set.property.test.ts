/**
 * The trusted set in random histories. A repository lives on honestly; a thief who has the timestamp and snapshot keys
 * (never another) mixes, replays and forges what a client is given, file by file and in any order. After every step
 * the invariants of trusted-set.ts hold; at the end an honest update goes through.
 */
import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { sha256Hex } from "../../src/core/bytes.ts";
import { notary } from "../../src/core/format/notary.ts";
import type { Root } from "../../src/core/model.ts";
import { parentRole } from "../../src/core/names.ts";
import { countSignatures, isMet } from "../../src/core/threshold.ts";
import type { TrustedSet } from "../../src/core/trusted-set.ts";
import { delegatedKeys, rootRole, sameKeys } from "../../src/core/verify.ts";
import type { PublisherKey } from "../support/bare/keys.ts";
import { propertyTimeout, runs } from "../support/properties.ts";
import { held, newClient, update } from "../support/reader.ts";
import { outcome } from "../support/refusals.ts";
import { newKey, Simulator, someTarget } from "../support/simulator.ts";

const day = 86_400_000;
const delegations = ["targets/a", "targets/a/b", "targets/c"];
const everyRole = ["targets", ...delegations, "snapshot", "timestamp"];
const repository = "example.org/team/app";

type Step =
  | { readonly do: "release" | "sign anew"; readonly role: string }
  | { readonly do: "rotate"; readonly role: string; readonly resigned: boolean }
  | { readonly do: "delegate" | "give up"; readonly role: string }
  | { readonly do: "wait"; readonly hours: number }
  | {
      readonly do: "forge";
      readonly way: "tamper" | "unsign" | "flipSignature" | "signWith";
      readonly role: string;
    }
  | { readonly do: "replay"; readonly role: string; readonly generation: number }
  | { readonly do: "replay all"; readonly generation: number }
  | { readonly do: "vouch" | "stamp" | "repair" }
  | { readonly do: "drop"; readonly role: string }
  | { readonly do: "roll back"; readonly role: string; readonly generation: number }
  | { readonly do: "fast-forward"; readonly role: "snapshot" | "timestamp"; readonly by: number }
  | { readonly do: "give"; readonly role: string }
  | { readonly do: "give root"; readonly version: number }
  | { readonly do: "update" };

const role = fc.constantFrom(...everyRole);
const targetsRole = fc.constantFrom("targets", ...delegations);
const delegation = fc.constantFrom(...delegations);
const generation = fc.nat(12);
const record = <T extends string, R extends object>(name: T, rest: { [K in keyof R]: fc.Arbitrary<R[K]> }) =>
  fc.record(rest).map((given) => ({ do: name, ...given }));

const single = fc.oneof(
  record("release", { role: targetsRole }),
  record("sign anew", { role: targetsRole }),
  record("rotate", { role: fc.constantFrom("root", ...everyRole), resigned: fc.boolean() }),
  record("delegate", { role: delegation }),
  record("give up", { role: delegation }),
  record("wait", { hours: fc.nat(200) }),
  record("forge", { way: fc.constantFrom("tamper", "unsign", "flipSignature", "signWith"), role }),
  record("replay", { role, generation }),
  record("replay all", { generation }),
  fc.constantFrom("vouch", "stamp", "repair").map((name) => ({ do: name })),
  record("drop", { role: delegation }),
  record("roll back", { role: targetsRole, generation }),
  record("fast-forward", { role: fc.constantFrom("snapshot", "timestamp"), by: fc.nat(5_000) }),
  record("give", { role }),
  record("give", { role }),
  record("give root", { version: fc.nat(5) }),
  fc.constant({ do: "update" }),
) as fc.Arbitrary<Step>;

/** Mostly, what happened is read at once, so that most histories get somewhere. */
const step: fc.Arbitrary<Step[]> = fc
  .tuple(single, fc.integer({ min: 0, max: 3 }))
  .map(([each, read]) => (read === 0 ? [each] : [each, { do: "update" }]));

let rootKeys: PublisherKey[] = [];
let created: () => Promise<Simulator>;
beforeAll(async () => {
  created = () => Simulator.create(repository);
  const sim = await created();
  rootKeys = await Promise.all(Array.from({ length: 8 }, () => sim.rootKey()));
});

/** One life of a repository, and what a client of it may believe. */
class History {
  readonly sim: Simulator;
  readonly client: TrustedSet;
  /** Digests of every file that was honestly published. */
  readonly #honest = new Set<string>();
  /** Last version of each delegation, also of those given up: declared anew, a role goes on above it. */
  readonly #versions = new Map<string, number>();
  /** Highest versions that the client trusted since it last had to forget. */
  #highest = new Map<string, number>();
  #rotations = 0;

  constructor(sim: Simulator) {
    this.sim = sim;
    this.client = newClient(sim);
    this.#note();
    for (const each of delegations) sim.delegate(each);
    this.#publish(() => undefined);
    update(this.client, sim);
  }

  take(next: Step): void {
    const before = { held: held(this.client), root: this.client.root?.signed };
    const verdict = this.#perform(next);
    if (verdict !== "accepted" && (next.do === "give" || next.do === "give root")) {
      expect(held(this.client), `refused with ${verdict}`).toEqual(before.held);
    }
    this.#check(before.root);
  }

  /** The attacks end, and all that they left in honest hands is signed above them. */
  recover(): void {
    const { sim } = this;
    sim.repair();
    sim.snapshot.version += 20_000;
    sim.timestamp.version += 20_000;
    this.#extend();
    sim.publish();
    this.#note();
    update(this.client, sim);
    this.#check(undefined);
    expect(this.client.timestamp?.sha256).toBe(sha256Hex(sim.served.get("timestamp") as Buffer));
  }

  #perform(next: Step): string {
    const { sim, client } = this;
    switch (next.do) {
      case "release":
        return this.#publish(() =>
          sim.targets.get(next.role)?.names.set(`n${sim.generations.length}`, someTarget("x")),
        );
      case "sign anew":
        return this.#publish(() => {
          const state = sim.targets.get(next.role);
          if (state === undefined) return;
          state.signers = undefined;
          state.expires -= 1_000;
        });
      case "rotate":
        return this.#publish(() => this.#rotate(next.role, next.resigned));
      case "delegate":
        return this.#publish(() => {
          const parent = parentRole(next.role) ?? "";
          if (sim.targets.has(next.role) || !sim.targets.has(parent)) return;
          sim.delegate(next.role).version = (this.#versions.get(next.role) ?? 0) + 1;
        });
      case "give up":
        return this.#publish(() => {
          for (const each of [...sim.targets.keys()]) {
            if (each === next.role || each.startsWith(`${next.role}/`)) sim.targets.delete(each);
          }
        });
      case "wait":
        sim.now += next.hours * 3_600_000;
        return "accepted";
      case "forge":
        given(() => sim.break[next.way](next.role));
        return "accepted";
      case "replay":
        if (sim.generations[next.generation]?.has(next.role)) sim.break.replay(next.role, next.generation);
        return "accepted";
      case "replay all":
        if (next.generation < sim.generations.length) sim.break.replayAll(next.generation);
        return "accepted";
      case "vouch":
        sim.break.vouch();
        return "accepted";
      case "stamp":
        sim.break.stamp();
        return "accepted";
      case "repair":
        sim.repair();
        return "accepted";
      case "drop":
        sim.break.vouch(next.role);
        return "accepted";
      case "roll back":
        if (!sim.generations[next.generation]?.has(next.role)) return "accepted";
        sim.break.replay(next.role, next.generation);
        sim.break.vouch();
        return "accepted";
      case "fast-forward":
        sim.break.version(next.role, sim[next.role].version + next.by + 1);
        return "accepted";
      case "give":
        return given(() => {
          const bytes = sim.served.get(next.role) ?? Buffer.from("{}");
          if (next.role === "timestamp") client.addTimestamp(bytes, sim.now);
          else if (next.role === "snapshot") client.addSnapshot(bytes, sim.now);
          else client.addTargets(next.role, bytes, sim.now);
        });
      case "give root":
        return given(() => client.addRoot(sim.roots.get(next.version) ?? Buffer.from("{}"), sim.now));
      case "update":
        return given(() => update(client, sim));
    }
  }

  #publish(edit: () => unknown): string {
    this.sim.repair();
    edit();
    this.#extend();
    this.sim.publish();
    this.#note();
    return "accepted";
  }

  /** Honest publishers sign anew in time. */
  #extend(): void {
    const { sim } = this;
    for (const state of [sim.timestamp, sim.snapshot, ...sim.targets.values()]) {
      if (state.expires < sim.now + 7 * day) state.expires = Math.floor(sim.now / 1_000) * 1_000 + 14 * day;
    }
  }

  /** A delegate need not sign at once with the keys that his parent gave him. */
  #rotate(which: string, resigned: boolean): void {
    const { sim } = this;
    if (which === "root") {
      const key = rootKeys[this.#rotations++ % rootKeys.length];
      if (key !== undefined) sim.root.keys = [key];
    } else if (which === "snapshot" || which === "timestamp") sim[which].keys = [newKey()];
    else {
      const state = sim.targets.get(which);
      if (state === undefined) return;
      state.signers = resigned || which === "targets" ? undefined : state.keys;
      state.keys = [newKey()];
    }
  }

  #note(): void {
    for (const [each, bytes] of this.sim.generations.at(-1) ?? []) {
      this.#honest.add(sha256Hex(bytes));
      this.#versions.set(each, notary.parse(each, bytes).signed.version);
    }
  }

  /** The invariants of trusted-set.ts. */
  #check(rootBefore: Root | undefined): void {
    const { client, sim } = this;
    const root = client.root ?? expect.unreachable();
    expect(root.bytes).toEqual(sim.roots.get(root.signed.version));
    const changed = (each: "timestamp" | "snapshot") =>
      rootBefore !== undefined && !sameKeys(rootRole(rootBefore, each), rootRole(root.signed, each));
    if (changed("timestamp") || changed("snapshot")) this.#highest = new Map();
    const { timestamp, snapshot, targets } = client;
    if (snapshot !== undefined) expect(timestamp).toBeDefined();
    if (targets.size > 0) expect(snapshot).toBeDefined();

    for (const file of [timestamp, snapshot, ...targets.values()]) {
      if (file === undefined) continue;
      const known = this.#highest.get(file.role) ?? 0;
      expect(file.signed.version, `${file.role} went back`).toBeGreaterThanOrEqual(known);
      this.#highest.set(file.role, file.signed.version);
    }
    for (const file of targets.values()) {
      const parent = parentRole(file.role);
      const keys =
        parent === undefined
          ? rootRole(root.signed, "targets")
          : delegatedKeys((targets.get(parent) ?? expect.unreachable(parent)).signed, file.role);
      expect(isMet(countSignatures(file, keys)), `${file.role} is signed`).toBe(true);
      expect(this.#honest.has(file.sha256), `${file.role} was published`).toBe(true);
      expect(snapshot?.signed.meta.get(file.role)?.hashes.get("sha256")).toBe(file.sha256);
    }
  }
}

/** A refusal by its code; a caller's mistake in the order of files, which random histories make, is one as well. */
function given(action: () => unknown): string {
  try {
    return outcome(action);
  } catch (error) {
    if (error instanceof TypeError) return "out of order";
    throw error;
  }
}

it(
  "keeps its invariants in any history",
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30, size: "max" }), async (steps) => {
        const history = new History(await created());
        for (const next of steps.flat()) history.take(next);
        history.recover();
      }),
      runs(50),
    );
  },
  propertyTimeout,
);
