/**
 * A delegation whose threshold its keys can never meet is legal (the stock client makes one when it purges the last
 * key) and useless until its parent gives it keys. Worth a word, not a refusal.
 */
import type { Targets } from "../../core/model.ts";
import { distinctKeys } from "../../core/threshold.ts";
import type { Finding } from "../policy.ts";

export function unreachableDelegation(parent: string, targets: Targets): Finding[] {
  return targets.delegations
    .filter((delegation) => distinctKeys(delegation) < delegation.threshold)
    .map(({ role }) => ({
      code: "UNREACHABLE_DELEGATION",
      severity: "warn",
      sentence: `${role} has fewer keys than its threshold, so clients pass it over.`,
      fix: `Whoever signs ${parent} must give it keys.`,
      role,
    }));
}
