/** Which rule of a policy speaks for a repository. */
import { capture, compareSpecificity, fill, type Pattern, signedName } from "./pattern.ts";
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
  const best = mostSpecific(rules, name, ({ match }) => match);
  const [rule, ...others] = best;
  if (rule === undefined) return undefined;
  if (others.length > 0) return { ambiguous: best };
  const { trustedAs, match } = rule;
  const repository = trustedAs === undefined ? signedName(name) : fill(trustedAs, capture(match, name) ?? []);
  return { rule, repository };
}

/**
 * The rule that speaks for a repository where it is published: by the name that is signed, so that a rule for a mirror
 * (`trustedAs`) speaks for what the mirror's images are signed as. A rule for the name itself goes before it.
 */
export function choosePublished(
  { rules }: TrustPolicy,
  repository: string,
): { readonly rule: Rule } | Ambiguous | undefined {
  const best = mostSpecific(rules, repository, publishedAs);
  const own = best.filter(({ trustedAs }) => trustedAs === undefined);
  const [rule, ...others] = own.length > 0 ? own : best;
  if (rule === undefined) return undefined;
  return others.length > 0 ? { ambiguous: best } : { rule };
}

/** The names that a rule speaks for where they are published. */
export function publishedAs({ match, trustedAs }: Pick<Rule, "match" | "trustedAs">): Pattern {
  return trustedAs ?? match;
}

function mostSpecific(
  rules: readonly Rule[],
  name: string,
  patternOf: (rule: Rule) => Pattern,
): readonly Rule[] {
  const matching = rules.filter((rule) => capture(patternOf(rule), name) !== undefined);
  return matching.filter((rule) =>
    matching.every((other) => compareSpecificity(patternOf(rule), patternOf(other)) >= 0),
  );
}
