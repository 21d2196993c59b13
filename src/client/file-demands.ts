/**
 * What the policy demands of one file: signatures that count, and how far ahead it may expire. Every file that has a part
 * in an answer is held to it, also one that says nothing of the name: below the policy's threshold its silence would let
 * an older digest of another role through.
 */
import type { Metadata } from "../core/model.ts";
import { isMet, type SignatureCount } from "../core/threshold.ts";
import { countAllowed } from "../policy/rules/signers.ts";
import { TrustError } from "./errors.ts";
import type { RepositoryView } from "./repository-view.ts";

/** Throws `POLICY_THRESHOLD`, `LIFETIME`. Returns the signatures on the file. */
export function checkFile({ set, scope }: RepositoryView, file: Metadata): SignatureCount {
  const { rule, at, repository } = scope;
  const { role, signed } = file;
  const demands = rule.roles.get(role);
  const least = role === "root" ? rule.rootMinThreshold : (demands?.minThreshold ?? 1);
  const count = countAllowed(file, set.keysOf(role), rule, least);
  if (!isMet(count)) {
    throw new TrustError(
      "POLICY_THRESHOLD",
      `${role} of ${repository} carries ${count.signed.length} signatures that count; the policy demands ${count.needed}.`,
      { role, detail: { needed: count.needed, signed: count.signed.length } },
    );
  }
  if (demands?.maxLifetime !== undefined && signed.expires - at > demands.maxLifetime) {
    throw new TrustError(
      "LIFETIME",
      `${role} of ${repository} expires at ${new Date(signed.expires).toISOString()}, later than the policy allows.`,
      { role },
    );
  }
  return count;
}
