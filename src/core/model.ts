/**
 * What metadata says, in one shape for both formats. Everything above `format/` speaks this.
 *
 * All values come from `format/*.ts`, which made sure that they are within the limits and mean one thing only.
 * Objects are never changed after they were made. Collections that are keyed by text from outside are `Map`s.
 */
import type { ListedKey } from "./keys.ts";
import type { TopRole } from "./names.ts";

/** Who may sign a role, and how many of them must. */
export interface RoleKeys {
  readonly keys: ReadonlyMap<string, ListedKey>;
  readonly threshold: number;
}

interface Common {
  readonly version: number;
  /** Milliseconds since 1970 UTC; a fraction of a millisecond is cut off. */
  readonly expires: number;
}

export interface Root extends Common {
  readonly kind: "root";
  readonly roles: ReadonlyMap<TopRole, RoleKeys>;
}

/** Digests by algorithm, lower-case hex. At least one; algorithms we do not know are left out. */
export type Hashes = ReadonlyMap<"sha256" | "sha512", string>;

/** What one file says of another. */
export interface FileReference {
  readonly length: number | undefined;
  readonly hashes: Hashes;
  /** TUF 1.0 only. */
  readonly version: number | undefined;
}

export interface TargetFile {
  readonly length: number;
  readonly hashes: Hashes;
  /** Carried, never interpreted here. */
  readonly custom: unknown;
}

export interface Delegation extends RoleKeys {
  readonly role: string;
  /** Notary: prefixes of target names. Empty: the role may sign nothing that counts. */
  readonly paths: readonly string[];
}

export interface Targets extends Common {
  readonly kind: "targets";
  /** Number of targets; the names are in `targetNames`, and read one at a time by `target`. */
  readonly size: number;
  targetNames(): Iterable<string>;
  target(name: string): TargetFile | undefined;
  /** In file order, which is order of priority. */
  readonly delegations: readonly Delegation[];
}

export interface Snapshot extends Common {
  readonly kind: "snapshot";
  /** Role → its file. Notary lists root too. */
  readonly meta: ReadonlyMap<string, FileReference>;
}

export interface Timestamp extends Common {
  readonly kind: "timestamp";
  readonly snapshot: FileReference;
}

export type Signed = Root | Targets | Snapshot | Timestamp;
export type Kind = Signed["kind"];

/** One entry of `signatures`. `method` is empty where the format has none or the entry lacks it. */
export interface SignatureEntry {
  readonly keyId: string;
  readonly method: string;
  readonly signature: Uint8Array;
}

/** A file that was read and not yet believed. */
export interface Metadata<S extends Signed = Signed> {
  readonly role: string;
  /** Exactly the bytes received: what is hashed, stored and served. */
  readonly bytes: Buffer;
  /** Lower-case hex of `bytes`. */
  readonly sha256: string;
  /** The same by SHA-512, of a file for which it was made in advance. */
  readonly sha512?: string;
  /** The bytes a signature covers: the canonical form of `signed`. */
  readonly message: Uint8Array;
  readonly signatures: readonly SignatureEntry[];
  readonly signed: S;
}

/** The kind of file a role has. */
export function kindOf(role: string): Kind {
  return role === "root" || role === "snapshot" || role === "timestamp" ? role : "targets";
}

/** The different keys that the roles of a file use, by ID. */
export function usedKeys(signed: Signed): ReadonlyMap<string, ListedKey> {
  const roles =
    signed.kind === "root" ? [...signed.roles.values()] : signed.kind === "targets" ? signed.delegations : [];
  return new Map(roles.flatMap(({ keys }) => [...keys]));
}
