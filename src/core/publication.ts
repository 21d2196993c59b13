/**
 * Whether an upload may become the next state of a repository: the server's half of the rules, bottom up. The
 * question is "could every client that trusts what is current now accept what this makes?".
 *
 * Pure: the caller loads what `storedFilesNeeded` names, and signs what the plan leaves to the server. Nothing here
 * is believed because it was stored: a stored parent is verified again whenever whoever gives it its keys changes.
 *
 * The steps are those of notary-protocol.md 2.1; where this is stricter, the step says so, and docs/divergences.md
 * says why. All steps are in one file, because their order is the point.
 */
import { hash } from "node:crypto";
import { MalformedError, UnauthenticError } from "./errors.ts";
import type { FileFacts, FormatRules } from "./format/format.ts";
import { maxSnapshotEntries } from "./limits.ts";
import type { Metadata, RoleKeys, Root, Snapshot, Targets } from "./model.ts";
import { isTargetsRole, parentRole, roleDepth } from "./names.ts";
import { enoughKeys } from "./threshold.ts";
import {
  checkVersionStep,
  delegatedKeys,
  isExpired,
  rootRole,
  type Verified,
  verifyRole,
  verifyRoot,
} from "./verify.ts";

/** What is current, as far as this upload needs it. All of it was verified when it was loaded, expiry aside. */
export interface CurrentFiles {
  readonly root: Verified<Root> | undefined;
  readonly snapshot: Metadata<Snapshot> | undefined;
  /** At least the files that `storedFilesNeeded` named. */
  readonly targets: ReadonlyMap<string, Verified<Targets>>;
  /** Version of every current file. */
  readonly versions: ReadonlyMap<string, number>;
  /** Length and digests of every current file; with sha512 wherever an uploaded snapshot lists one. */
  readonly facts: ReadonlyMap<string, FileFacts>;
}

export interface Candidate {
  readonly format: FormatRules;
  readonly repository: string;
  /** Uploaded files by role, without a timestamp: servers make that one. At least one. */
  readonly upload: ReadonlyMap<string, Metadata>;
  readonly current: CurrentFiles;
  /** IDs of the keys that this server can sign with for this repository. */
  readonly onlineKeys: ReadonlySet<string>;
  readonly at: number;
}

/**
 * Who says whether an uploaded file may be believed. Both throw to refuse. What stands in the store is always verified in
 * full: nobody can sign it again.
 */
export interface Judge {
  root(file: Metadata, previous: Verified<Root> | undefined): Verified<Root>;
  targets(file: Metadata<Targets>, keys: RoleKeys): Verified<Targets>;
}

/** What would become current, and what the server still has to sign for that. */
export interface Plan {
  readonly root: Verified<Root>;
  /** Uploaded and verified, in the order they were verified. */
  readonly files: readonly Metadata[];
  readonly targets: ReadonlyMap<string, Verified<Targets>>;
  /** Undefined: the server makes the snapshot, from `meta`, with these keys. */
  readonly snapshot: Verified<Snapshot> | undefined;
  /** Every entry of the next snapshot other than those of uploaded files, which the caller hashes. */
  readonly meta: ReadonlyMap<string, FileFacts>;
  readonly snapshotKeys: readonly string[];
  readonly timestampKeys: readonly string[];
}

/**
 * Stored targets roles whose files a verdict needs: the parents of uploaded delegations, targets under a new root,
 * and the parents of what an uploaded snapshot leaves out.
 */
export function storedFilesNeeded(
  upload: ReadonlyMap<string, Metadata>,
  stored: Iterable<string>,
): ReadonlySet<string> {
  const have = new Set([...stored].filter(isTargetsRole));
  const needed = new Set<string>();
  const need = (role: string | undefined) => {
    for (let each = role; each !== undefined; each = parentRole(each)) {
      if (have.has(each) && !upload.has(each)) needed.add(each);
    }
  };
  for (const role of upload.keys()) need(parentRole(role));
  if (upload.has("root")) need("targets");
  const snapshot = upload.get("snapshot");
  if (snapshot?.signed.kind === "snapshot") {
    for (const role of have) if (!snapshot.signed.meta.has(role)) need(parentRole(role));
  }
  return needed;
}

/** The verdict: a plan, or the first refusal. `judge`: another one than signatures (`proposal.ts`). */
export function examine(candidate: Candidate, judge: Judge = signaturesOf(candidate)): Plan {
  const { upload, current } = candidate;
  if (upload.size === 0)
    throw new MalformedError("EMPTY_UPLOAD", "Upload at least one file that is not a timestamp.");
  refuseLosers(upload, current);
  const root = examineRoot(candidate, judge);
  const targets = examineTargets(candidate, root, judge);
  const timestampKeys = enoughKeys(rootRole(root.signed, "timestamp"), candidate.onlineKeys);
  if (timestampKeys === undefined) {
    throw new UnauthenticError(
      "ONLINE_KEY_UNKNOWN",
      "no timestamp keys exist on the server: ask it for timestamp.key and list that key in the root",
      { role: "root" },
    );
  }
  const meta = keptEntries(candidate);
  const files = [...upload.values()].sort(byOrderOfTrust);
  if (meta.size + files.length > maxSnapshotEntries) {
    throw new MalformedError(
      "TOO_MANY",
      `This repository has ${meta.size} roles, those that were given up included, and ${maxSnapshotEntries} is the most: publish new roles in another repository.`,
    );
  }
  const uploaded = upload.get("snapshot");
  if (uploaded !== undefined) {
    const snapshot = examineSnapshot(candidate, uploaded as Metadata<Snapshot>, root, targets, meta);
    return { root, files, targets, snapshot, meta, snapshotKeys: [], timestampKeys };
  }
  const snapshotKeys = enoughKeys(rootRole(root.signed, "snapshot"), candidate.onlineKeys);
  if (snapshotKeys === undefined) {
    throw new UnauthenticError(
      "SNAPSHOT_MISSING",
      "no snapshot was included in update and server does not hold current snapshot key for repository",
      { role: "snapshot" },
    );
  }
  return { root, files, targets, snapshot: undefined, meta, snapshotKeys, timestampKeys };
}

function signaturesOf({ format, repository, at }: Candidate): Judge {
  const moment = { at, expiry: "enforced" } as const;
  return {
    root: (file, previous) => verifyRoot(file, { format, repository }, previous, moment),
    targets: (file, keys) => verifyRole(file, keys, moment),
  };
}

/** Step 6 of the original, done first: who lost a race learns it before anything costly happens. */
function refuseLosers(upload: ReadonlyMap<string, Metadata>, current: CurrentFiles): void {
  for (const [role, file] of upload) {
    const version = current.versions.get(role) ?? 0;
    // How far a root may step is examined with the root, in the original's words.
    if (role !== "root" || file.signed.version === version)
      checkVersionStep(role, version, file.signed.version);
  }
}

/**
 * The same verdict early, by what is known of the current versions (undefined: nothing). It refuses only what
 * `refuseLosers` would refuse of the same versions, in the same words; what it passes is still to be examined. So it stops
 * at the first file that is not known to have lost: that one might be refused first, for its step, and how far a
 * version steps is for the queue to say, since what waits there may shorten the step.
 */
export function refuseOvertaken(
  upload: ReadonlyMap<string, Metadata>,
  current: (role: string) => number | undefined,
): void {
  for (const [role, file] of upload) {
    const version = current(role);
    const next = file.signed.version;
    if (version === undefined || next > version) return;
    if (role !== "root" || next === version) checkVersionStep(role, version, next);
  }
}

/** No client accepts anything under an expired root, so nothing new is signed under it. */
function unexpired(root: Verified<Root>, at: number): Verified<Root> {
  if (!isExpired(root.signed, at)) return root;
  throw new UnauthenticError(
    "EXPIRED",
    `root expired at ${new Date(root.signed.expires).toUTCString()}: upload a new root, alone or together with this`,
    { role: "root" },
  );
}

/** Step 2: exactly one version further, or 1 or 2 for the first; signed by the previous keys and its own. */
function examineRoot({ upload, current, at }: Candidate, judge: Judge): Verified<Root> {
  const file = upload.get("root");
  if (file === undefined) {
    if (current.root !== undefined) return unexpired(current.root, at);
    throw new UnauthenticError("NO_ROOT", "no pre-existing root and no root provided in update.");
  }
  const version = current.root?.signed.version ?? 1;
  const next = file.signed.version;
  if (next !== version + 1 && !(current.root === undefined && next === version)) {
    throw new UnauthenticError(
      "ROOT_VERSION",
      `Root modifications must increment the version. Current ${version}, new ${next}`,
      { role: "root" },
    );
  }
  return judge.root(file, current.root);
}

/**
 * Step 3: targets and delegations, parents first. Stricter than the original: a new root under which the targets
 * file no longer verifies is refused, since every reader would be locked out.
 */
function examineTargets(
  candidate: Candidate,
  root: Verified<Root>,
  judge: Judge,
): ReadonlyMap<string, Verified<Targets>> {
  const { upload, current, at } = candidate;
  const accepted = new Map<string, Verified<Targets>>();
  const keysOf = (role: string): RoleKeys => {
    const parent = parentRole(role);
    return parent === undefined
      ? rootRole(root.signed, "targets")
      : delegatedKeys(resolve(parent, role).signed, role);
  };
  const changed = (role: string): boolean => {
    const parent = parentRole(role);
    return parent === undefined ? upload.has("root") : upload.has(parent) || changed(parent);
  };
  const resolve = (role: string, wantedBy: string): Verified<Targets> => {
    const done = accepted.get(role);
    if (done !== undefined) return done;
    const stored = current.targets.get(role);
    if (stored === undefined) {
      throw new UnauthenticError("TARGETS_MISSING", `${role} must be loaded first`, { role: wantedBy });
    }
    const file = changed(role) ? verifyRole(stored, keysOf(role), { at, expiry: "ignored" }) : stored;
    accepted.set(role, file);
    return file;
  };

  const uploaded = [...upload.values()].filter(({ role }) => isTargetsRole(role)).sort(byOrderOfTrust);
  if (!upload.has("targets") && !current.versions.has("targets")) {
    const role = uploaded[0]?.role;
    throw new UnauthenticError(
      "TARGETS_MISSING",
      "targets must be loaded first",
      role === undefined ? {} : { role },
    );
  }
  for (const file of uploaded) {
    accepted.set(file.role, judge.targets(file as Metadata<Targets>, keysOf(file.role)));
  }
  if (upload.has("root") && !upload.has("targets")) {
    try {
      resolve("targets", "root");
    } catch (cause) {
      throw new UnauthenticError(
        "TARGETS_LOCKED_OUT",
        "the new root gives targets to other keys: upload targets signed by them together with it",
        { role: "root", cause },
      );
    }
  }
  return accepted;
}

/**
 * The entries of the next snapshot that this upload leaves as they are. An entry is never dropped
 * (docs/adr/0015-stock-clients-decide.md).
 */
function keptEntries({ upload, current }: Candidate): ReadonlyMap<string, FileFacts> {
  return new Map([...snapshotEntries(current.facts)].filter(([role]) => !upload.has(role)));
}

/** Of all current files, those that a snapshot lists: all but itself and the timestamp. */
export function snapshotEntries(facts: ReadonlyMap<string, FileFacts>): ReadonlyMap<string, FileFacts> {
  return new Map([...facts].filter(([role]) => role !== "snapshot" && role !== "timestamp"));
}

/**
 * Step 4. Stricter than the original, which believes entries of files that were not uploaded: every entry must be
 * the file that is or becomes current, and every such file that its parent still declares must have its entry.
 */
function examineSnapshot(
  { upload, current, at }: Candidate,
  file: Metadata<Snapshot>,
  root: Verified<Root>,
  targets: ReadonlyMap<string, Verified<Targets>>,
  kept: ReadonlyMap<string, FileFacts>,
): Verified<Snapshot> {
  const snapshot = verifyRole(file, rootRole(root.signed, "snapshot"), { at, expiry: "enforced" });
  const { meta } = snapshot.signed;
  for (const [role, reference] of meta) {
    const facts = upload.get(role) ?? kept.get(role);
    if (facts === undefined) {
      throw new UnauthenticError(
        "SNAPSHOT_UNKNOWN_ROLE",
        `the snapshot lists ${role}, which was never published`,
        {
          role: "snapshot",
        },
      );
    }
    const { length, sha256, sha512 } = "bytes" in facts ? factsOf(facts) : facts;
    const stronger = reference.hashes.get("sha512");
    if (
      reference.hashes.get("sha256") !== sha256 ||
      (stronger !== undefined && stronger !== sha512) ||
      // Stock readers take a length that is missing for 0, and refuse the file.
      reference.length !== length
    ) {
      throw new UnauthenticError(
        "HASH_MISMATCH",
        `sha256 checksum for ${role} did not match: expected ${sha256}`,
        {
          role: "snapshot",
        },
      );
    }
  }
  const isDeclared = (role: string): boolean => {
    const parent = parentRole(role);
    if (parent === undefined) return true;
    const file = targets.get(parent) ?? current.targets.get(parent);
    return isDeclared(parent) && file?.signed.delegations.some((each) => each.role === role) === true;
  };
  // What an accepted snapshot left out was given up then; declared anew, it has no file yet.
  const wasListed = (role: string) => current.snapshot?.signed.meta.has(role) !== false;
  const mustBeListed = [...upload.keys(), ...[...kept.keys()].filter(wasListed)];
  for (const role of mustBeListed) {
    if (role !== "snapshot" && !meta.has(role) && isDeclared(role)) {
      throw new UnauthenticError("SNAPSHOT_INCOMPLETE", `the snapshot must list ${role}`, {
        role: "snapshot",
      });
    }
  }
  return snapshot;
}

/** What the next snapshot says of a file. */
export function factsOf(file: Metadata): FileFacts {
  return { length: file.bytes.length, sha256: file.sha256, sha512: hash("sha512", file.bytes, "hex") };
}

const ranks: Readonly<Record<string, number>> = { root: 0, snapshot: 1_000 };

/** Root, then targets and delegations by depth and name, then the snapshot. */
function byOrderOfTrust(a: Metadata, b: Metadata): number {
  const rank = (file: Metadata) =>
    Object.hasOwn(ranks, file.role) ? (ranks[file.role] as number) : roleDepth(file.role);
  return rank(a) - rank(b) || (a.role < b.role ? -1 : 1);
}
