/** Which rule of a policy speaks for a repository. */
import { capture, compareSpecificity, fill, signedName } from "./pattern.ts";
import type { Rule, TrustPolicy } from "./trust-policy.ts";

export interface Chosen {
  readonly rule: Rule;
  /** The name that is signed: the given one with its host in lower case, or what `trustedAs` makes of it. */
  readonly repository: string;
}

/** More than one rule, none more specific than the others, matches a name. */
export interface Ambiguous {
  readonly ambiguous: readonly Rule[];
}

/** The most specific rule that matches a full name (`docker.io/library/nginx`); undefined if none does. */
export function chooseRule({ rules }: TrustPolicy, name: string): Chosen | Ambiguous | undefined {
  const matching = rules.filter(({ match }) => capture(match, name) !== undefined);
  const best = matching.filter((rule) =>
    matching.every((other) => compareSpecificity(rule.match, other.match) >= 0),
  );
  const [rule, ...others] = best;
  if (rule === undefined) return undefined;
  if (others.length > 0) return { ambiguous: best };
  const { trustedAs, match } = rule;
  const repository = trustedAs === undefined ? signedName(name) : fill(trustedAs, capture(match, name) ?? []);
  return { rule, repository };
}
