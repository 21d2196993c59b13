/**
 * What is wrong with a policy only for a server: what it would have to ignore or guess, and what no publication could ever
 * satisfy. A server refuses such a file whole, like one that is no policy.
 */
import { publishedAs } from "./choose.ts";
import { comparedPattern } from "./pattern.ts";
import type { PolicyProblem, Rule, TrustPolicy } from "./trust-policy.ts";

export function serverProblems({ rules }: TrustPolicy): PolicyProblem[] {
  return [...rules.flatMap((rule, index) => sharedNames(rule, index, rules)), ...rules.flatMap(tooFewPins)];
}

/** Two mirrors of one place are two rules for a client, and one repository for a server. */
function sharedNames(rule: Rule, index: number, rules: readonly Rule[]): PolicyProblem[] {
  if (rule.trustedAs === undefined) return [];
  const name = comparedPattern(rule.trustedAs);
  const same = rules.filter((other) => comparedPattern(publishedAs(other)) === name);
  if (same.some(({ trustedAs }) => trustedAs === undefined) || same[0] === rule) return [];
  return [
    {
      path: ["repositories", index, "trustedAs"],
      sentence: `leads to the same signed names as ${same[0]?.place}, and a server cannot choose between them: add a rule whose match is ${rule.trustedAs.text}`,
    },
  ];
}

function tooFewPins({ pins, rootMinThreshold }: Rule, index: number): PolicyProblem[] {
  if (pins === undefined || pins.ca !== undefined) return [];
  const most = pins.keys.length + pins.certificates.length;
  if (most >= rootMinThreshold) return [];
  return [
    {
      path: ["repositories", index, "root"],
      sentence: `demands ${rootMinThreshold} signatures by pinned keys and pins ${most}: no root could be published`,
    },
  ];
}
