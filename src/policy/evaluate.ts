/**
 * All findings of all rules on what a publication would make current, the most important first. Never throws, never
 * signs.
 */
import { choosePublished } from "./choose.ts";
import type { Finding, OpenPolicy, Policy } from "./policy.ts";
import type { Publication, Ruling } from "./publication.ts";
import { delegationPaths } from "./rules/delegation-paths.ts";
import { deniedListings, deniedSigners } from "./rules/denied-keys.ts";
import { exampleKeysOfDelegations, exampleKeysOfRoot } from "./rules/example-keys.ts";
import { keyAlgorithms } from "./rules/key-algorithms.ts";
import { keySeparation } from "./rules/key-separation.ts";
import { lifetimes } from "./rules/lifetimes.ts";
import { requiredRoles } from "./rules/required-roles.ts";
import { declaredThresholds, signatureThresholds } from "./rules/role-thresholds.ts";
import { rootPins } from "./rules/root-pins.ts";
import { unreachableDelegation } from "./rules/unreachable-delegation.ts";
import { versionStep } from "./rules/version-step.ts";

type RuleOf = (publication: Publication, ruling: Ruling) => Finding[];

/** Those that count signatures: of files that are still to be signed they say nothing. */
const ofSignatures: ReadonlySet<RuleOf> = new Set([rootPins, signatureThresholds]);

/** The rules of a policy file, in the order in which their findings matter. */
const rules: readonly RuleOf[] = [
  rootPins,
  signatureThresholds,
  declaredThresholds,
  keyAlgorithms,
  delegationPaths,
  lifetimes,
  versionStep,
  requiredRoles,
];

export function evaluate(publication: Publication, policy: Policy): Finding[] {
  const denied = policy.denied ?? new Set<string>();
  return ordered([
    ...deniedSigners(publication, denied),
    ...deniedListings(publication, denied),
    ...findingsOf(publication, policy, rules),
  ]);
}

/** The same of files that nobody has signed yet: whatever no signature could mend. */
export function evaluateUnsigned(publication: Publication, policy: Policy): Finding[] {
  return ordered([
    ...deniedListings(publication, policy.denied ?? new Set()),
    ...findingsOf(
      publication,
      policy,
      rules.filter((rule) => !ofSignatures.has(rule)),
    ),
  ]);
}

function findingsOf(publication: Publication, policy: Policy, wanted: readonly RuleOf[]): Finding[] {
  const always = publication.files.flatMap(({ role, signed }) => {
    switch (signed.kind) {
      case "root":
        return [...keySeparation(signed, policy), ...exampleKeysOfRoot(signed, policy)];
      case "targets":
        return [...unreachableDelegation(role, signed), ...exampleKeysOfDelegations(role, signed, policy)];
      default:
        return [];
    }
  });
  const ruled = policy.file === undefined ? [] : ofFile(publication, policy.file, wanted);
  return [...always, ...ruled];
}

/** Refusals first. */
function ordered(all: readonly Finding[]): Finding[] {
  return [...all.filter(isRefusal), ...all.filter((finding) => !isRefusal(finding))];
}

export function isRefusal(finding: Finding): finding is Finding & { readonly severity: "refuse" } {
  return finding.severity === "refuse";
}

function ofFile(
  publication: Publication,
  { policy, pins }: OpenPolicy,
  wanted: readonly RuleOf[],
): Finding[] {
  const { repository } = publication;
  const chosen = choosePublished(policy, repository);
  if (chosen === undefined) {
    if (policy.default === "unverified") return [];
    return [
      {
        code: "NO_RULE",
        severity: "refuse",
        role: undefined,
        sentence: `No rule of this server's policy speaks for ${repository}.`,
        fix: "The operator adds one, or the publisher takes a name that has one.",
      },
    ];
  }
  if ("ambiguous" in chosen) {
    const places = chosen.ambiguous.map(({ place }) => place).join(" and ");
    return [
      {
        code: "POLICY_AMBIGUOUS",
        severity: "refuse",
        role: undefined,
        sentence: `Several rules of this server's policy speak equally for ${repository}: ${places}.`,
        fix: "The operator makes one of them more specific.",
      },
    ];
  }
  const { rule } = chosen;
  return wanted.flatMap((each) => each(publication, { rule, pins: pins.get(rule.place) }));
}
