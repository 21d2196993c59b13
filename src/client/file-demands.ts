/**
 * What the policy demands of one file: signatures that count, and how far ahead it may expire. Every file that has a part
 * in an answer is held to it, also one that says nothing of the name: below the policy's threshold its silence would let
 * an older digest of another role through.
 */
import type { Metadata } from "../core/model.ts";
import { isMet, type SignatureCount } from "../core/threshold.ts";
import { demandsOf } from "../policy/demands.ts";
import { livesTooLong } from "../policy/rules/ages.ts";
import { countAllowed } from "../policy/rules/signers.ts";
import { belowThreshold } from "./below-threshold.ts";
import { TrustError } from "./errors.ts";
import type { RepositoryView } from "./repository-view.ts";

/** Throws `POLICY_THRESHOLD`, `LIFETIME`. Returns the signatures on the file. */
export function checkFile({ set, scope }: RepositoryView, file: Metadata): SignatureCount {
  const { rule, at, repository } = scope;
  const { role, signed } = file;
  const demands = demandsOf(rule, role);
  const keys = set.keysOf(role);
  const count = countAllowed(file, keys, rule, demands?.minThreshold ?? 1);
  if (!isMet(count)) throw belowThreshold(scope, file, keys, count);
  const tooLong = livesTooLong(signed, demands?.maxLifetime, at);
  if (tooLong !== undefined)
    throw new TrustError("LIFETIME", `${role} of ${repository} ${tooLong}`, { role });
  return count;
}
