/**
 * What a client of one repository trusts now: a state machine that is fed bytes and an instant and holds only what
 * passed. It does no I/O, reads no clock and logs nothing; what to fetch next is the caller's business.
 *
 * Invariants
 * - Files come top down: root, timestamp, snapshot, targets, delegations. A file that comes before the one that
 *   vouches for it is a mistake of the caller (`TypeError`), not of the repository.
 * - A refused file changes nothing: the same call with an honest file works next (TUF specification 5).
 * - Trusted versions never go down, except that a verified root which changes the timestamp's or snapshot's keys
 *   discards both and all below them (recovery from a fast-forward attack,
 *   TUF specification 5.3.11).
 * - A file is trusted only if its signatures meet the threshold, it is the very file the snapshot names, and it
 *   has not expired at the instant given. Roots on the way to the newest may have expired, the newest not.
 * - A role that a verified parent declares and that was trusted before cannot vanish from the snapshot. One that its
 *   parent gave up can, and is then forgotten.
 */
import { hash } from "node:crypto";
import { UnauthenticError } from "./errors.ts";
import type { FormatRules } from "./format/format.ts";
import type { Metadata, RoleKeys, Root, Snapshot, Targets, Timestamp } from "./model.ts";
import { isTopRole, parentRole, roleDepth } from "./names.ts";
import {
  checkReference,
  delegatedKeys,
  isExpired,
  type Moment,
  refuseExpired,
  rootRole,
  sameKeys,
  type Verified,
  verifyRole,
  verifyRoot,
} from "./verify.ts";

export interface TrustedSetOptions {
  readonly format: FormatRules;
  readonly repository: string;
}

/** `ignored`: the file comes from a cache and is to be a floor for what follows, whether or not it may still be used. */
export type Expiry = Moment["expiry"];

export class TrustedSet {
  readonly #format: FormatRules;
  readonly #scope: TrustedSetOptions;
  #root: Verified<Root> | undefined;
  #timestamp: Verified<Timestamp> | undefined;
  #snapshot: Verified<Snapshot> | undefined;
  /** Files named by the present snapshot. */
  #targets = new Map<string, Verified<Targets>>();
  /** Highest trusted version of each targets role, also of roles the present snapshot has not given yet. */
  #seen = new Map<string, number>();

  constructor(options: TrustedSetOptions) {
    this.#format = options.format;
    this.#scope = options;
  }

  get root(): Verified<Root> | undefined {
    return this.#root;
  }
  get timestamp(): Verified<Timestamp> | undefined {
    return this.#timestamp;
  }
  get snapshot(): Verified<Snapshot> | undefined {
    return this.#snapshot;
  }
  get targets(): ReadonlyMap<string, Verified<Targets>> {
    return this.#targets;
  }

  /** Another set that trusts the same now. What is tried on it leaves this one as it is. */
  copy(): TrustedSet {
    const copy = new TrustedSet(this.#scope);
    copy.#root = this.#root;
    copy.#timestamp = this.#timestamp;
    copy.#snapshot = this.#snapshot;
    copy.#targets = new Map(this.#targets);
    copy.#seen = new Map(this.#seen);
    return copy;
  }

  /**
   * The first root (whose pins the caller checks) or the next one, whose version must be exactly one higher.
   * Expiry is not looked at here, but by `checkRootExpiry` once the newest root has been reached.
   * Throws `ROOT_VERSION` and what `verifyRoot` throws.
   */
  addRoot(bytes: Buffer, at: number): Verified<Root> {
    const file = this.#format.parse("root", bytes);
    const previous = this.#root;
    if (previous !== undefined && file.signed.version !== previous.signed.version + 1) {
      throw new UnauthenticError(
        "ROOT_VERSION",
        `Root modifications must increment the version. Current ${previous.signed.version}, new ${file.signed.version}`,
        { role: "root" },
      );
    }
    const root = verifyRoot(file, this.#scope, previous, { at, expiry: "ignored" });
    const forget =
      previous !== undefined &&
      (["timestamp", "snapshot"] as const).some(
        (role) => !sameKeys(rootRole(previous.signed, role), rootRole(root.signed, role)),
      );
    this.#root = root;
    // Their signatures say nothing under other keys; the snapshot of this root brings them again.
    if (
      previous !== undefined &&
      !sameKeys(rootRole(previous.signed, "targets"), rootRole(root.signed, "targets"))
    )
      this.#targets = new Map();
    if (forget) {
      this.#timestamp = undefined;
      this.#snapshot = undefined;
      this.#targets = new Map();
      this.#seen = new Map();
    }
    return root;
  }

  /** Highest trusted version of each targets role, also of roles whose present file is not here. */
  get seenVersions(): ReadonlyMap<string, number> {
    return this.#seen;
  }

  /** Versions of targets roles that were trusted before: lower ones are refused, as if the files were here. */
  recallVersions(versions: ReadonlyMap<string, number>): void {
    for (const [role, version] of versions) {
      this.#seen.set(role, Math.max(version, this.#seen.get(role) ?? 0));
    }
  }

  /** The keys that the trusted file above a role gives to it. Throws `UNDECLARED_ROLE`. */
  keysOf(role: string): RoleKeys {
    const root = this.#need(this.#root, "root");
    return isTopRole(role) ? rootRole(root.signed, role) : this.#keysOf(role, root);
  }

  /** Throws `EXPIRED` or `ROOT_CERTIFICATE` if the newest root may not be used at the instant. */
  checkRootExpiry(at: number): void {
    const root = this.#need(this.#root, "root");
    verifyRoot(root, this.#scope, undefined, { at, expiry: "enforced" });
  }

  /** That the trusted snapshot may be used at the instant, under the root in force. Throws `HASH_MISMATCH`, `EXPIRED`. */
  checkSnapshot(at: number): void {
    const snapshot = this.#need(this.#snapshot, "snapshot");
    this.#checkListedRoot(snapshot);
    refuseExpired(snapshot, at);
  }

  /** Whether there is a trusted snapshot, and it names the root in force. */
  isSnapshotOfRoot(): boolean {
    const listed = this.#snapshot?.signed.meta.get("root");
    return (
      this.#snapshot !== undefined &&
      (listed === undefined || listed.hashes.get("sha256") === this.#root?.sha256)
    );
  }

  #checkListedRoot(snapshot: Verified<Snapshot>): void {
    const root = this.#need(this.#root, "root");
    const listed = snapshot.signed.meta.get("root");
    if (listed !== undefined) checkReference(root, listed, sha512Of(root));
  }

  /**
   * A timestamp at least as new as the trusted one. An equal version is ignored, whatever its bytes: the trusted
   * one stays. Returns the timestamp that is trusted now. Throws `THRESHOLD`, `EXPIRED`, `ROLLBACK`.
   */
  addTimestamp(bytes: Buffer, at: number, expiry: Expiry = "enforced"): Verified<Timestamp> {
    const root = this.#need(this.#root, "root");
    const file = this.#format.parse("timestamp", bytes) as Metadata<Timestamp>;
    const timestamp = verifyRole(file, rootRole(root.signed, "timestamp"), { at, expiry: "ignored" });
    const trusted = this.#timestamp;
    if (trusted !== undefined && timestamp.signed.version < trusted.signed.version) {
      throw rollback("timestamp", trusted.signed.version, timestamp.signed.version);
    }
    if (trusted !== undefined && timestamp.signed.version === trusted.signed.version) {
      if (expiry === "enforced") refuseExpired(trusted, at);
      return trusted;
    }
    if (expiry === "enforced") refuseExpired(timestamp, at);
    this.#timestamp = timestamp;
    return timestamp;
  }

  /** The snapshot that the timestamp names. Throws `HASH_MISMATCH`, `LENGTH_MISMATCH`, `THRESHOLD`, `EXPIRED`, `ROLLBACK`. */
  addSnapshot(bytes: Buffer, at: number, expiry: Expiry = "enforced"): Verified<Snapshot> {
    const root = this.#need(this.#root, "root");
    const timestamp = this.#need(this.#timestamp, "timestamp");
    const file = this.#format.parse("snapshot", bytes) as Metadata<Snapshot>;
    checkReference(file, timestamp.signed.snapshot, sha512Of(file));
    const snapshot = verifyRole(file, rootRole(root.signed, "snapshot"), { at, expiry });
    const trusted = this.#snapshot;
    if (trusted !== undefined && snapshot.signed.version < trusted.signed.version) {
      throw rollback("snapshot", trusted.signed.version, snapshot.signed.version);
    }
    // A floor may be of the time of an earlier root.
    if (expiry === "enforced") this.#checkListedRoot(snapshot);
    const kept = this.#unchanged(snapshot, at);
    for (const targets of kept.values()) this.#refuseVanished(targets, snapshot);
    this.#snapshot = snapshot;
    this.#targets = kept;
    return snapshot;
  }

  /**
   * Targets or a delegation, as named by the snapshot and signed by whom its parent says.
   * Throws `UNDECLARED_ROLE`, `SNAPSHOT_INCOMPLETE`, `HASH_MISMATCH`, `LENGTH_MISMATCH`, `THRESHOLD`, `EXPIRED`, `ROLLBACK`.
   */
  addTargets(role: string, bytes: Buffer, at: number, expiry: Expiry = "enforced"): Verified<Targets> {
    const root = this.#need(this.#root, "root");
    const timestamp = this.#need(this.#timestamp, "timestamp");
    const named = timestamp.signed.snapshot.hashes.get("sha256");
    const snapshot = this.#need(this.#snapshot?.sha256 === named ? this.#snapshot : undefined, "snapshot");
    if (expiry === "enforced") {
      refuseExpired(timestamp, at);
      refuseExpired(snapshot, at);
    }
    const keys = this.#keysOf(role, root);
    const file = this.#format.parse(role, bytes) as Metadata<Targets>;
    const reference = snapshot.signed.meta.get(role);
    if (reference === undefined) {
      throw new UnauthenticError("SNAPSHOT_INCOMPLETE", `The snapshot does not list ${role}.`, { role });
    }
    checkReference(file, reference, sha512Of(file));
    const targets = verifyRole(file, keys, { at, expiry });
    const seen = this.#seen.get(role) ?? 0;
    if (targets.signed.version < seen) throw rollback(role, seen, targets.signed.version);
    this.#refuseVanished(targets, snapshot);
    this.#targets.set(role, targets);
    this.#seen.set(role, targets.signed.version);
    this.#forgetGivenUp(targets, snapshot);
    return targets;
  }

  /**
   * The trusted files that stay so under the next snapshot: it names the very same file, and those of all roles above,
   * so that whoever gave them their keys still does. Everything else is asked for again.
   */
  #unchanged(snapshot: Verified<Snapshot>, at: number): Map<string, Verified<Targets>> {
    const kept = new Map<string, Verified<Targets>>();
    for (const [role, targets] of [...this.#targets].sort(([a], [b]) => roleDepth(a) - roleDepth(b))) {
      const parent = parentRole(role);
      if (parent !== undefined && !kept.has(parent)) continue;
      if (snapshot.signed.meta.get(role)?.hashes.get("sha256") !== targets.sha256) continue;
      if (!isExpired(targets.signed, at)) kept.set(role, targets);
    }
    return kept;
  }

  /** A role that its parent gave up and the snapshot dropped may be declared anew, and begins anew. */
  #forgetGivenUp(parent: Verified<Targets>, snapshot: Verified<Snapshot>): void {
    const declared = new Set(parent.signed.delegations.map(({ role }) => role));
    for (const role of [...this.#seen.keys()]) {
      if (parentRole(role) !== parent.role || declared.has(role) || snapshot.signed.meta.has(role)) continue;
      for (const each of [...this.#seen.keys()]) {
        if (each === role || each.startsWith(`${role}/`)) this.#seen.delete(each);
      }
    }
  }

  #keysOf(role: string, root: Verified<Root>): RoleKeys {
    const parent = parentRole(role);
    if (parent === undefined) return rootRole(root.signed, "targets");
    return delegatedKeys(this.#need(this.#targets.get(parent), parent).signed, role);
  }

  #refuseVanished(targets: Verified<Targets>, snapshot: Verified<Snapshot>): void {
    for (const { role } of targets.signed.delegations) {
      if (this.#seen.has(role) && !snapshot.signed.meta.has(role)) {
        throw new UnauthenticError(
          "SNAPSHOT_INCOMPLETE",
          `The snapshot no longer lists ${role}, which ${targets.role} still declares.`,
          { role },
        );
      }
    }
  }

  #need<T>(file: T | undefined, role: string): T {
    if (file === undefined) throw new TypeError(`${role} must be trusted first`);
    return file;
  }
}

function rollback(role: string, trusted: number, given: number): UnauthenticError {
  return new UnauthenticError(
    "ROLLBACK",
    `${role}: version ${given} is lower than the trusted version ${trusted}`,
    { role },
  );
}

/** The stronger digest, when somebody asks for it. */
export function sha512Of(file: Metadata): () => string {
  return () => hash("sha512", file.bytes, "hex");
}
