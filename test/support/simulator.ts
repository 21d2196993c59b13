/**
 * A repository in memory, for tests of whoever reads or stores one.
 *
 *     const sim = await Simulator.create();                  // root 1, targets 1, snapshot 1, timestamp 1
 *     sim.targetsOf("targets").names.set("app", someTarget("app"));
 *     sim.delegate("targets/releases", { paths: ["app"] });
 *     sim.publish();                                          // what changed gets a version and signatures
 *     update(client, sim);                                    // reader.ts: the client's order of asking
 *     sim.break.tamper("targets");                            // what is served is no longer what was published
 *     sim.repair();                                           // honest again
 *
 * - Plain assignments edit the next generation: `sim.snapshot.expires = …`, `sim.root.keys = [await sim.rootKey()]`,
 *   `sim.targetsOf("targets").threshold = 2`. Nothing is signed before `publish()`.
 * - `publish()` gives one version more to every role whose content changed, and signs it with all keys of the role
 *   (a root also with those of the root before). A version that was assigned is used as it is; `signers`, where set,
 *   sign instead. Every generation is consistent: the snapshot lists it and a new timestamp names the snapshot.
 * - `served` is what a reader is given. Only `break` makes it differ from what was published.
 */

import type { TargetContent } from "../../src/core/format/format.ts";
import { notary } from "../../src/core/format/notary.ts";
import { parentRole, roleDepth, type TopRole } from "../../src/core/names.ts";
import { facts } from "../../src/publisher/files.ts";
import { certificateKey, generatePrivateKey, makeRootCertificate, type PublisherKey } from "./bare/keys.ts";
import { sealWith } from "./bare/seal.ts";
import { Breaker } from "./simulator-break.ts";
import {
  encodeSnapshot,
  encodeTimestamp,
  type Generation,
  newKey,
  type RoleState,
} from "./simulator-roles.ts";

export { newKey } from "./simulator-roles.ts";

export interface TargetsState extends RoleState {
  readonly names: Map<string, TargetContent>;
  /** Of a delegation. */
  paths: string[];
  /** Whether the parent delegates to it. */
  declared: boolean;
  /** Whether its own file is published. */
  filed: boolean;
}

const day = 86_400_000;
export const simulatedNow = Date.UTC(2026, 10, 24, 12);

export class Simulator {
  readonly repository: string;
  /** The instant of whoever reads. Moves only by assignment. */
  now = simulatedNow;
  root: RoleState;
  snapshot: RoleState;
  timestamp: RoleState;
  /** Targets and delegations by role. */
  readonly targets: Map<string, TargetsState>;
  /** What readers are given now. */
  readonly served = new Map<string, Buffer>();
  /** Every root ever published, by version. Readers are given these too. */
  readonly roots = new Map<number, Buffer>();
  readonly generations: Generation[] = [];
  /** Roles whose files the newest generation changed. */
  changed: readonly string[] = [];
  readonly break: Breaker;
  readonly #fingerprints = new Map<string, string>();
  readonly #publishedRoots = new Map<number, Buffer>();
  #previousRootKeys: readonly PublisherKey[] = [];

  private constructor(repository: string, rootKey: PublisherKey) {
    this.repository = repository;
    this.root = { ...roleState(3_600), keys: [rootKey] };
    this.snapshot = roleState(1_095);
    this.timestamp = roleState(14);
    this.targets = new Map([["targets", targetsState([""])]]);
    this.break = new Breaker(this);
  }

  /** A repository with its first generation: one target, no delegations. */
  static async create(repository = "example.org/team/app"): Promise<Simulator> {
    const simulator = new Simulator(repository, await newRootKey(repository));
    simulator.targetsOf("targets").names.set("app", someTarget("app"));
    simulator.publish();
    return simulator;
  }

  /** A new key in a certificate of this repository. */
  rootKey(): Promise<PublisherKey> {
    return newRootKey(this.repository);
  }

  targetsOf(role: string): TargetsState {
    const state = this.targets.get(role);
    if (state === undefined) throw new TypeError(`${role} is not in the simulated repository`);
    return state;
  }

  /** Adds a delegation to the next generation: with a key of its own and covering everything, unless told. */
  delegate(role: string, wish: Partial<TargetsState> = {}): TargetsState {
    const state = { ...targetsState([""]), ...wish };
    this.targets.set(role, state);
    this.#fingerprints.delete(role);
    return state;
  }

  /** Makes the next generation and serves it. Returns it. */
  publish(): Generation {
    const files = new Map(this.generations.at(-1));
    const changed: string[] = [];
    const put = (role: string, state: RoleState, encode: (version: number) => Buffer) => {
      const file = this.#signedFile(role, state, encode);
      if (file === undefined) return;
      files.set(role, file);
      changed.push(role);
    };

    put("root", this.root, (version) => this.#encodeRoot(version));
    const roles = [...this.targets].sort(([a], [b]) => roleDepth(a) - roleDepth(b));
    for (const [role, state] of roles) {
      if (state.filed) put(role, state, (version) => this.#encodeTargets(role, state, version));
      else files.delete(role);
    }
    for (const role of files.keys()) {
      if (parentRole(role) !== undefined && !this.targets.has(role)) files.delete(role);
    }
    put("snapshot", this.snapshot, (version) => encodeSnapshot(files, this.snapshot.expires, version));
    put("timestamp", this.timestamp, (version) => encodeTimestamp(files, this.timestamp.expires, version));
    this.#previousRootKeys = [...this.root.keys];
    this.#publishedRoots.set(this.root.version, files.get("root") as Buffer);
    this.changed = changed;
    this.generations.push(files);
    this.repair();
    return files;
  }

  /** Serves the newest generation as it was published. */
  repair(): void {
    this.roots.clear();
    for (const [version, bytes] of this.#publishedRoots) this.roots.set(version, bytes);
    this.served.clear();
    for (const [role, bytes] of this.generations.at(-1) ?? []) this.served.set(role, bytes);
    this.break.reset();
  }

  /** What a publisher sends for the newest generation: its changed files, with the snapshot if the client makes it. */
  upload(snapshot: "with snapshot" | "without snapshot"): Map<string, Buffer> {
    const sent = this.changed.filter(
      (role) => role !== "timestamp" && (role !== "snapshot" || snapshot === "with snapshot"),
    );
    return new Map(sent.map((role) => [role, this.served.get(role) as Buffer]));
  }

  /** Key IDs of the roles that a server signs. */
  onlineKeys(...roles: readonly ("timestamp" | "snapshot")[]): string[] {
    return roles.flatMap((role) => this[role].keys.map(({ listed }) => listed.id));
  }

  /** The state for a human: one line a role. */
  dump(): string {
    const states = new Map<string, RoleState>([
      ["root", this.root],
      ["timestamp", this.timestamp],
      ["snapshot", this.snapshot],
      ...this.targets,
    ]);
    const honest = this.generations.at(-1);
    const lines = [...states].map(([role, { version, expires, keys, threshold }]) => {
      const ids = keys.map(({ listed }) => listed.id.slice(0, 8)).join(" ");
      const file = this.served.get(role);
      const state = file === undefined ? "not served" : file === honest?.get(role) ? "honest" : "BROKEN";
      return `${role} v${version} until ${new Date(expires).toISOString()}, ${threshold} of [${ids}], ${state}`;
    });
    return [`${this.repository} at ${new Date(this.now).toISOString()}`, ...lines].join("\n");
  }

  /** Signs a role's file if its content or its signers changed; undefined if not. */
  #signedFile(role: string, state: RoleState, encode: (version: number) => Buffer): Buffer | undefined {
    const others = role === "root" ? this.#previousRootKeys : [];
    const signers = state.signers ?? [...new Set([...state.keys, ...others])];
    const ids = (state.signers ?? state.keys).map(idOf).join();
    const fingerprint = `${state.version} ${ids} ${encode(state.version).toString("latin1")}`;
    if (this.#fingerprints.get(role) === fingerprint) return undefined;
    const published = Number(this.#fingerprints.get(role)?.split(" ")[0] ?? 0);
    if (state.version === published) state.version++;
    const canonical = encode(state.version);
    this.#fingerprints.set(role, `${state.version} ${ids} ${canonical.toString("latin1")}`);
    return sealWith(notary, canonical, signers);
  }

  #encodeRoot(version: number): Buffer {
    const roles: Readonly<Record<TopRole, RoleState>> = {
      root: this.root,
      targets: this.targetsOf("targets"),
      snapshot: this.snapshot,
      timestamp: this.timestamp,
    };
    const content = ({ keys, threshold }: RoleState) => ({ keyIds: keys.map(idOf), threshold });
    return notary.encodeRoot({
      version,
      expires: this.root.expires,
      keys: Object.values(roles).flatMap(({ keys }) => keys.map(({ listed }) => listed)),
      roles: {
        root: content(roles.root),
        targets: content(roles.targets),
        snapshot: content(roles.snapshot),
        timestamp: content(roles.timestamp),
      },
    });
  }

  #encodeTargets(role: string, { names, expires }: TargetsState, version: number): Buffer {
    const children = [...this.targets].filter(
      ([child, { declared }]) => declared && parentRole(child) === role,
    );
    return notary.encodeTargets({
      version,
      expires,
      targets: names,
      keys: children.flatMap(([, { keys }]) => keys.map(({ listed }) => listed)),
      delegations: children.map(([child, { keys, threshold, paths }]) => ({
        role: child,
        paths,
        keyIds: keys.map(idOf),
        threshold,
      })),
    });
  }
}

/** A target whose digests are those of the given text. */
export function someTarget(content: string): TargetContent {
  return facts(Buffer.from(content));
}

async function newRootKey(repository: string): Promise<PublisherKey> {
  const key = generatePrivateKey("ecdsa");
  return certificateKey(key, await makeRootCertificate(key, repository, new Date(simulatedNow - day)));
}

function roleState(days: number): RoleState {
  const expires = simulatedNow + days * day;
  return { keys: [newKey()], threshold: 1, signers: undefined, version: 0, expires };
}

function targetsState(paths: string[]): TargetsState {
  return { ...roleState(1_095), names: new Map(), paths, declared: true, filed: true };
}

function idOf({ listed }: PublisherKey): string {
  return listed.id;
}
