/** Signatures that somebody brings to a proposal: all of them good, or none is taken. */
import { setImmediate } from "node:timers/promises";
import { RefusedError } from "../../core/errors.ts";
import type { Metadata, SignatureEntry } from "../../core/model.ts";
import { usefulSignatures } from "../../core/proposal.ts";
import { type Denied, refuseDenied } from "./denied-keys.ts";
import type { Needs } from "./files.ts";
import type { SignedRole } from "./proposal-service.ts";

/** Those that are not there already, by role. Throws `NOT_FOUND`, `KEY_DENIED`, and what `usefulSignatures` throws. */
export async function newAmong(
  given: readonly SignedRole[],
  { files, needs, denied }: { files: ReadonlyMap<string, Metadata>; needs: Needs; denied: Denied },
): Promise<ReadonlyMap<string, readonly SignatureEntry[]>> {
  const added = new Map<string, readonly SignatureEntry[]>();
  for (const { role, signatures } of given) {
    const file = files.get(role);
    if (file === undefined || added.has(role)) throw noSuchRole(role);
    // Between files others get their turn.
    if (added.size > 0) await setImmediate();
    refuseDenied(role, needs.get(role) ?? [], signatures, denied);
    added.set(role, usefulSignatures(file, needs.get(role) ?? [], signatures));
  }
  return added;
}

function noSuchRole(role: string): RefusedError {
  return new RefusedError("NOT_FOUND", "Send signatures for the roles of this proposal, each role once.", {
    detail: { given: role.slice(0, 64) },
  });
}
