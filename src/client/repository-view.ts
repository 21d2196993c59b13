/**
 * One repository as it is trusted at one instant: the set after an update, and its targets roles, which are brought in
 * when a look-up wants them.
 *
 * A role's file comes from memory, from the cache, or from the server, in that order, and is verified as the snapshot and
 * its parent say in each case. What cannot be had, has expired or is below its threshold is an error of that role, never
 * passed over.
 */
import type { FileReference, Metadata, Targets } from "../core/model.ts";
import { parentRole } from "../core/names.ts";
import { sha512Of, type TrustedSet } from "../core/trusted-set.ts";
import { checkReference, refuseExpired, type Verified } from "../core/verify.ts";
import { TrustError } from "./errors.ts";
import { get, type Scope, withheld } from "./scope.ts";

/** A file of targets that is at hand without the network. */
export type AtHand = (sha256: string) => Promise<Buffer | undefined>;

export interface RepositoryView {
  readonly scope: Scope;
  readonly set: TrustedSet;
  /** True if the server was away and everything is from an earlier update, at `checkedAt` (milliseconds). */
  readonly offline: boolean;
  readonly checkedAt: number;
  /** Files that came over the network, by role, until a cache has them. */
  readonly fetched: Map<string, Buffer>;
  /**
   * A role's verified file, with all above it. The role must be declared by its parent.
   * Throws what the core throws, `FILE_WITHHELD`, `TOO_MANY_DELEGATIONS`.
   */
  role(name: string): Promise<Verified<Targets>>;
  /**
   * The file that the snapshot names for a role, whoever signed it: nobody's word but the snapshot's. Not for readers.
   * Throws `FILE_WITHHELD`, `HASH_MISMATCH`, `LENGTH_MISMATCH`, and what the format throws.
   */
  unproven(name: string): Promise<Metadata<Targets>>;
}

export interface ViewParts {
  readonly scope: Scope;
  readonly set: TrustedSet;
  readonly offline: boolean;
  readonly checkedAt: number;
  readonly atHand: AtHand;
}

export function viewOf({ atHand, ...parts }: ViewParts): RepositoryView {
  const { scope, set, offline } = parts;
  const { at, limits, expiry } = scope;
  const coming = new Map<string, Promise<Verified<Targets>>>();
  const fetched = new Map<string, Buffer>();

  async function bring(name: string): Promise<Verified<Targets>> {
    const parent = parentRole(name);
    if (parent !== undefined) await role(parent);
    const known = set.targets.get(name);
    if (known !== undefined) {
      if (expiry === "enforced") refuseExpired(known, at);
      return known;
    }
    const { bytes, isFetched } = await bytesOf(name, listedFor(name));
    const targets = set.addTargets(name, bytes, at, expiry);
    if (isFetched) fetched.set(name, bytes);
    return targets;
  }

  function listedFor(name: string): FileReference {
    const listed = set.snapshot?.signed.meta.get(name);
    if (listed !== undefined) return listed;
    const sentence = `The snapshot of ${scope.repository} lists no file of ${name}.`;
    throw new TrustError("FILE_WITHHELD", sentence, { role: name });
  }

  async function bytesOf(
    name: string,
    listed: FileReference,
  ): Promise<{ readonly bytes: Buffer; readonly isFetched: boolean }> {
    const sha256 = listed.hashes.get("sha256") ?? "";
    const kept = await atHand(sha256);
    if (kept !== undefined) return { bytes: kept, isFetched: false };
    if (offline) throw withheld(scope, name);
    const most = Math.min(listed.length ?? limits.fileBytes, limits.fileBytes);
    const bytes = await get(scope, `${name}.${sha256}.json`, most);
    if (bytes === undefined) throw withheld(scope, name);
    return { bytes, isFetched: true };
  }

  async function unproven(name: string): Promise<Metadata<Targets>> {
    const listed = listedFor(name);
    const { bytes } = await bytesOf(name, listed);
    const file = scope.format.parse(name, bytes) as Metadata<Targets>;
    checkReference(file, listed, sha512Of(file));
    return file;
  }

  function role(name: string): Promise<Verified<Targets>> {
    const under = coming.get(name);
    if (under !== undefined) return under;
    if (coming.size > limits.delegations) {
      const sentence = `${scope.repository} has more than ${limits.delegations} roles to look at.`;
      return Promise.reject(new TrustError("TOO_MANY_DELEGATIONS", sentence));
    }
    const promise = bring(name);
    promise.catch(() => {});
    coming.set(name, promise);
    return promise;
  }

  return { ...parts, fetched, role, unproven };
}

/** Whether anything that is trusted has expired at the instant: a view of an earlier update is then of no use. */
export function refuseStale(set: TrustedSet, at: number): void {
  set.checkRootExpiry(at);
  if (set.timestamp !== undefined) refuseExpired(set.timestamp, at);
  set.checkSnapshot(at);
}
