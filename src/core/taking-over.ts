/**
 * Whether a repository that was made elsewhere may be taken over: its present, and sets of files of its past. Whoever
 * fetches one and the server that stores it both ask here; the server never believes that somebody asked before.
 *
 * - Roots are a chain of versions that rise by one, each signed by its own keys and by those of the one before. The first is
 *   trusted as it is: pins and policy are the caller's business.
 * - The present is what a client could take that trusts the newest root, expiry aside: what nobody renews any more has expired,
 *   and is served as it is. Its bytes are those that timestamp and snapshot name.
 * - What a client would pass over (a delegation below its threshold, one that nobody declares any more) is taken as it is and
 *   remarked on. What would make a client fail refuses the whole.
 * - A set of the past is a timestamp, the snapshot that it names, and what that names, as far as it is given. It is one that a
 *   client could have trusted under the root that the snapshot names.
 */
import { sha256Hex } from "./bytes.ts";
import { UnauthenticError, VidimusError } from "./errors.ts";
import type { Metadata, Root } from "./model.ts";
import { parentRole, roleDepth } from "./names.ts";
import { TrustedSet, type TrustedSetOptions } from "./trusted-set.ts";
import { isExpired, type Verified } from "./verify.ts";

/** What its readers should know of a file that was taken. */
export interface Remark {
  /** `EXPIRED`; `UNUSABLE`: clients pass it over; `ABSENT`: it is listed, and nobody needs it. */
  readonly code: "EXPIRED" | "UNUSABLE" | "ABSENT";
  readonly role: string;
}

export interface GivenCollection {
  /** Ascending. */
  readonly roots: readonly Buffer[];
  /** The current file of every other role. */
  readonly files: ReadonlyMap<string, Buffer>;
}

export interface Collection {
  /** Ascending; the last one is in force. */
  readonly roots: readonly Verified<Root>[];
  /** The current files without the root: timestamp, snapshot, targets, delegations by depth. */
  readonly files: readonly Metadata[];
  readonly trusted: TrustedSet;
  readonly remarks: readonly Remark[];
}

/** Throws what `TrustedSet` and the format throw, `SNAPSHOT_INCOMPLETE` and `SNAPSHOT_UNKNOWN_ROLE`. */
export function takeCollection(scope: TrustedSetOptions, given: GivenCollection, at: number): Collection {
  const { roots, trusted } = chain(scope, given.roots, at);
  trusted.addTimestamp(needed(given.files, "timestamp"), at, "ignored");
  const snapshot = trusted.addSnapshot(needed(given.files, "snapshot"), at, "ignored");
  refuseOtherRoot(trusted);
  trusted.addTargets("targets", needed(given.files, "targets"), at, "ignored");
  for (const role of given.files.keys()) {
    if (role === "timestamp" || role === "snapshot" || snapshot.signed.meta.has(role)) continue;
    throw new UnauthenticError(
      "SNAPSHOT_UNKNOWN_ROLE",
      `The snapshot does not list ${role}: leave that file out.`,
      { role },
    );
  }
  const files: Metadata[] = [trusted.timestamp, snapshot, trusted.targets.get("targets")].filter(
    (file) => file !== undefined,
  );
  const remarks: Remark[] = [];
  for (const role of delegations(snapshot.signed.meta.keys())) {
    const file = takeDelegation(scope, trusted, role, given.files.get(role), at);
    if (file === undefined) remarks.push({ code: "ABSENT", role });
    else {
      files.push(file);
      if (!trusted.targets.has(role)) remarks.push({ code: "UNUSABLE", role });
    }
  }
  const present = [roots.at(-1) as Metadata, ...files];
  for (const { role, signed } of present) if (isExpired(signed, at)) remarks.push({ code: "EXPIRED", role });
  return { roots, files, trusted, remarks };
}

/** One set of the past. `find` gives the file of a role with a digest, if it is to be had. */
export interface GivenPast {
  readonly timestamp: Buffer;
  find(role: string, sha256: string): Buffer | undefined;
}

/** What of a set of the past can be taken, the timestamp first. */
export type Past = (set: GivenPast) => Metadata[];

/**
 * Reads sets of the past under these roots. It throws what `TrustedSet` throws, and `HASH_MISMATCH` for a set of a root that is
 * none of them.
 */
export function pastUnder(scope: TrustedSetOptions, roots: readonly Buffer[], at: number): Past {
  const under = new Map<string, TrustedSet>();
  chain(scope, roots, at, (root, trusted) => under.set(root.sha256, trusted.copy()));
  return ({ timestamp, find }) => {
    const named = scope.format.parse("timestamp", timestamp).signed;
    if (named.kind !== "timestamp") throw new TypeError("a timestamp was read as something else");
    const snapshot = wanted(find, "snapshot", named.snapshot.hashes.get("sha256"));
    if (snapshot === undefined) {
      throw new UnauthenticError("SNAPSHOT_INCOMPLETE", "The snapshot of this timestamp is missing.", {
        role: "snapshot",
      });
    }
    const { meta } = snapshotOf(scope, snapshot);
    const trusted = under.get(meta.get("root")?.hashes.get("sha256") ?? "")?.copy();
    if (trusted === undefined) throw otherRoot();
    const files: Metadata[] = [
      trusted.addTimestamp(timestamp, at, "ignored"),
      trusted.addSnapshot(snapshot, at, "ignored"),
    ];
    for (const role of ["targets", ...delegations(meta.keys())]) {
      const parent = parentRole(role);
      const bytes = wanted(find, role, meta.get(role)?.hashes.get("sha256"));
      if (bytes === undefined || (parent !== undefined && !trusted.targets.has(parent))) continue;
      const file = added(trusted, role, bytes, at);
      if (file !== undefined) files.push(file);
    }
    return files;
  };
}

/**
 * Asks, one after the other, for what belongs to a set of the past besides its timestamp, so that `pastUnder` finds it.
 * @param most roles of which files are asked for
 */
export async function findNamed(
  { format }: Pick<TrustedSetOptions, "format">,
  timestamp: Buffer,
  find: (role: string, sha256: string | undefined) => Promise<Buffer | undefined>,
  most = Number.POSITIVE_INFINITY,
): Promise<void> {
  const { signed } = format.parse("timestamp", timestamp);
  if (signed.kind !== "timestamp") return;
  const snapshot = await find("snapshot", signed.snapshot.hashes.get("sha256"));
  const listed = snapshot && format.parse("snapshot", snapshot).signed;
  if (listed?.kind !== "snapshot") return;
  let roles = 0;
  for (const [role, { hashes }] of listed.meta) {
    if (role === "root") continue;
    if (roles++ >= most) return;
    await find(role, hashes.get("sha256"));
  }
}

function chain(
  scope: TrustedSetOptions,
  given: readonly Buffer[],
  at: number,
  each: (root: Verified<Root>, trusted: TrustedSet) => void = () => undefined,
): { readonly roots: Verified<Root>[]; readonly trusted: TrustedSet } {
  if (given.length === 0) throw new UnauthenticError("NO_ROOT", "Give at least one root.", { role: "root" });
  const trusted = new TrustedSet(scope);
  const roots = given.map((bytes) => {
    const root = trusted.addRoot(bytes, at);
    each(root, trusted);
    return root;
  });
  return { roots, trusted };
}

function delegations(roles: Iterable<string>): string[] {
  return [...roles]
    .filter((role) => role.startsWith("targets/"))
    .sort((a, b) => roleDepth(a) - roleDepth(b) || (a < b ? -1 : 1));
}

function needed(files: ReadonlyMap<string, Buffer>, role: string): Buffer {
  const bytes = files.get(role);
  if (bytes !== undefined) return bytes;
  throw new UnauthenticError("SNAPSHOT_INCOMPLETE", `The current ${role} is missing.`, { role });
}

/** A listed delegation; undefined if it is not given and nobody needs it. */
function takeDelegation(
  { format }: TrustedSetOptions,
  trusted: TrustedSet,
  role: string,
  bytes: Buffer | undefined,
  at: number,
): Metadata | undefined {
  const parent = trusted.targets.get(parentRole(role) ?? "");
  const isDeclared = parent?.signed.delegations.some((each) => each.role === role) === true;
  if (bytes === undefined) {
    if (!isDeclared) return undefined;
    throw new UnauthenticError("SNAPSHOT_INCOMPLETE", `The current ${role} is missing.`, { role });
  }
  const file = isDeclared ? added(trusted, role, bytes, at) : undefined;
  if (file !== undefined) return file;
  const listed = trusted.snapshot?.signed.meta.get(role)?.hashes.get("sha256");
  if (sha256Hex(bytes) === listed) return format.parse(role, bytes);
  throw new UnauthenticError("HASH_MISMATCH", `${role}: the listed digest is not that of the file`, { role });
}

/** Undefined: clients pass it over. */
function added(trusted: TrustedSet, role: string, bytes: Buffer, at: number): Metadata | undefined {
  try {
    return trusted.addTargets(role, bytes, at, "ignored");
  } catch (error) {
    const isPassedOver =
      error instanceof VidimusError && (error.code === "THRESHOLD" || error.code === "UNDECLARED_ROLE");
    if (isPassedOver && role !== "targets") return undefined;
    throw error;
  }
}

function snapshotOf({ format }: TrustedSetOptions, bytes: Buffer) {
  const { signed } = format.parse("snapshot", bytes);
  if (signed.kind !== "snapshot") throw new TypeError("a snapshot was read as something else");
  return signed;
}

function wanted(find: GivenPast["find"], role: string, sha256: string | undefined): Buffer | undefined {
  return sha256 === undefined ? undefined : find(role, sha256);
}

function refuseOtherRoot(trusted: TrustedSet): void {
  if (!trusted.isSnapshotOfRoot()) throw otherRoot();
}

function otherRoot(): UnauthenticError {
  return new UnauthenticError("HASH_MISMATCH", "root: the listed digest is not that of a root given here", {
    role: "root",
  });
}
