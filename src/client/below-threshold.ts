/** What is said of a file with fewer signatures than the policy demands: how many, and why those that are there do not count. */
import type { Metadata, RoleKeys } from "../core/model.ts";
import type { SignatureCount } from "../core/threshold.ts";
import { notAllowed } from "../policy/rules/signers.ts";
import { TrustError } from "./errors.ts";
import type { Scope } from "./scope.ts";

export function belowThreshold(
  { repository, rule }: Scope,
  file: Pick<Metadata, "role" | "message" | "signatures">,
  keys: RoleKeys,
  count: SignatureCount,
): TrustError {
  const { role } = file;
  const others = notAllowed(file, keys, rule);
  const [needed, signed] = [count.needed, count.signed.length];
  const detail = { needed, signed };
  const short = `${role} of ${repository} carries ${signed} of the ${needed} signatures that the policy demands`;
  if (others.signatures === 0) return new TrustError("POLICY_THRESHOLD", `${short}.`, { role, detail });
  const names = others.algorithms.join(", ");
  return new TrustError(
    "POLICY_THRESHOLD",
    `${short}; ${others.signatures} more do not count, because \`algorithms\` of the rule ${rule.match.text} does not allow ${names}.`,
    {
      role,
      detail: { ...detail, notAllowed: others.signatures, algorithms: others.algorithms },
      remedy: { next: "Sign with keys of the algorithms that the policy allows, or have it allow more." },
    },
  );
}
