/**
 * The hashes that make the audit trail a chain: whoever knows the hash of one entry can tell that every entry up to it is as
 * it was.
 *
 * What is hashed is canonical JSON, in which the hash before, the time, the kind, the actor, the repository and the detail
 * each have a member of their own, so that no two entries with the same text differ.
 */
import { sha256Hex } from "./bytes.ts";
import { canonicalText } from "./canonical.ts";

/** What the hash of an entry covers. */
export interface ChainedRecord {
  readonly at: number;
  readonly kind: string;
  readonly actor: { readonly name: string; readonly method: string; readonly address: string };
  readonly repository: string;
  readonly detail: string;
}

/** What stands before the first entry. */
export const startOfTrail = "0".repeat(64);

/** The hash of the entry with this record after the one with hash `previous`: lower-case hex. */
export function entryHash(previous: string, { at, kind, actor, repository, detail }: ChainedRecord): string {
  const { name, method, address } = actor;
  return sha256Hex(
    canonicalText({ actor: { address, method, name }, at, detail, kind, previous, repository }),
  );
}
