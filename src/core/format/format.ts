/**
 * What differs between the two formats, and nothing else. A repository has exactly one.
 *
 * Reading: `parse` turns bytes into the model or throws `MalformedError`. Writing: `encode…` gives the signed part
 * in canonical form, `seal` puts signatures to it; both give the form that the format's strictest readers want.
 */

import type { Json } from "../json.ts";
import type { ListedKey, UsableKey } from "../keys.ts";
import type { Metadata, SignatureEntry } from "../model.ts";
import type { TopRole } from "../names.ts";

export interface FormatRules {
  readonly name: "notary" | "tuf";

  /** Reads a file of a role. The role comes from outside the file (its name); the content must agree. */
  parse(role: string, bytes: Buffer): Metadata;

  /** The ID of a public key, `text` as it stands in metadata. */
  keyId(keytype: string, text: string): string;

  /**
   * Why a key cannot sign the root of a repository, or undefined if it can.
   * @param at the instant in milliseconds, or undefined to leave validity periods out (previous root)
   */
  rootKeyFault(key: UsableKey, repository: string, at: number | undefined): string | undefined;

  /** Whether a delegation with these paths covers a target name. */
  covers(paths: readonly string[], target: string): boolean;

  /** The paths of a child that count, given those of its parent that count. */
  narrow(parent: readonly string[], child: readonly string[]): readonly string[];

  /** Canonical form of the signed part of each kind of file. */
  encodeRoot(content: RootContent): Buffer;
  encodeTargets(content: TargetsContent): Buffer;
  encodeSnapshot(content: SnapshotContent): Buffer;
  encodeTimestamp(content: TimestampContent): Buffer;

  /** The file: signed part in canonical form, with its signatures, as it goes over the wire. */
  seal(canonical: Uint8Array, signatures: readonly SignatureEntry[]): Buffer;
}

/** What a snapshot says of a file: its exact bytes. */
export interface FileFacts {
  readonly length: number;
  /** Lower-case hex. */
  readonly sha256: string;
  /** Lower-case hex; undefined where the listed file never had one. */
  readonly sha512: string | undefined;
}

/** A role as a file describes it: IDs of keys that stand beside it. */
export interface RoleContent {
  readonly keyIds: readonly string[];
  readonly threshold: number;
}

/** `expires` in milliseconds since 1970 UTC, here and below. */
export interface RootContent {
  readonly version: number;
  readonly expires: number;
  readonly keys: readonly ListedKey[];
  readonly roles: Readonly<Record<TopRole, RoleContent>>;
}

export interface TargetContent extends FileFacts {
  /** Anything JSON with integers only; left out when undefined. */
  readonly custom?: Json;
}

export interface DelegationContent extends RoleContent {
  readonly role: string;
  readonly paths: readonly string[];
}

export interface TargetsContent {
  readonly version: number;
  readonly expires: number;
  readonly targets: ReadonlyMap<string, TargetContent>;
  /** Keys that the delegations name. */
  readonly keys: readonly ListedKey[];
  /** In order of priority. */
  readonly delegations: readonly DelegationContent[];
}

export interface SnapshotContent {
  readonly version: number;
  readonly expires: number;
  readonly meta: ReadonlyMap<string, FileFacts>;
}

export interface TimestampContent {
  readonly version: number;
  readonly expires: number;
  readonly snapshot: FileFacts;
}

/** The signature method an online key of this type signs by. */
export function methodOf(key: Pick<ListedKey, "keytype">): string {
  return key.keytype === "ed25519" ? "eddsa" : "ecdsa";
}
