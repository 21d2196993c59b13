/** What is said of a name that no rule of the policy speaks for: the rule that was plausibly meant, and the next step. */
import { nearest } from "../../core/nearest.ts";
import { capture, comparedName, type Pattern } from "../../policy/pattern.ts";
import type { Rule, TrustPolicy } from "../../policy/trust-policy.ts";
import { commandOf } from "../command.ts";
import { TrustError, type TrustErrorContext } from "../errors.ts";
import { imageName } from "../reference.ts";

export interface Unruled {
  /** A sentence with a space before it, or nothing. */
  readonly hint: string;
  readonly remedy: TrustErrorContext["remedy"];
}

/** @param flags what `pin add` has to be given so that the new rule leads somewhere */
export function unruled(name: string, policy: TrustPolicy, flags: readonly string[]): Unruled {
  const hint = hintOf(name, policy);
  const file = policy.source?.file;
  if (file === undefined) return { hint, remedy: undefined };
  const files = imageName(name) === name ? [] : ["--files"];
  const command = commandOf("pin", "add", ...files, name, "--policy", file, ...flags);
  const next = hint === "" ? "Add a rule for this name" : "If the name is right, add a rule for it";
  return { hint, remedy: { who: "policy owner", next: `${next}: ${command}` } };
}

export function noRule(name: string, { hint, remedy }: Unruled): TrustError {
  const message = `No rule of the policy speaks for ${name}.${hint}`;
  return new TrustError("NO_RULE", message, { repository: name, remedy });
}

function hintOf(name: string, { rules, source }: TrustPolicy): string {
  const placed = ({ place, match: { text } }: Rule) => {
    const line = source?.lines.get(place);
    return line === undefined ? text : `${text} (${source?.file}:${line})`;
  };
  const near = misspelt(name, rules);
  if (near !== undefined) return ` Did you mean the rule ${placed(near)}?`;
  const shallow = rules.find(({ match }) => isTooShallow(match, name));
  if (shallow === undefined) return "";
  return ` The rule ${placed(shallow)} speaks for one segment in the place of its star; ** would be for more.`;
}

/** The rule that would speak for the name if the fewest of its segments were written a little otherwise. */
function misspelt(name: string, rules: readonly Rule[]): Rule | undefined {
  const parts = comparedName(name).split("/");
  let best: { readonly rule: Rule; readonly differences: number } | undefined;
  for (const rule of rules) {
    const differences = differencesOf(parts, rule.match);
    if (differences !== undefined && differences < (best?.differences ?? Number.POSITIVE_INFINITY))
      best = { rule, differences };
  }
  return best?.rule;
}

/** How many segments differ a little; undefined where one differs much, or there are more or fewer. */
function differencesOf(parts: readonly string[], { segments }: Pattern): number | undefined {
  const deep = segments.indexOf("**");
  const width = deep === -1 ? 1 : parts.length - segments.length + 1;
  if (width < 1 || parts.length !== segments.length + width - 1) return undefined;
  const pairs: (readonly [string, string])[] = [];
  let at = 0;
  for (const segment of segments) {
    if (!segment.startsWith("*")) pairs.push([parts[at] ?? "", segment]);
    at += segment === "**" ? width : 1;
  }
  const others = pairs.filter(([part, segment]) => part !== segment);
  // A host that nobody wrote is Docker's, also where another was meant.
  const isForgotten = (part: string) => part === "docker.io" && pairs.length > 1;
  const isMeant = ([part, segment]: readonly [string, string]) =>
    nearest(part, [segment]) !== undefined || isForgotten(part);
  return others.length < Math.max(2, pairs.length) && others.every(isMeant) ? others.length : undefined;
}

/** Whether the pattern matches once its only star stands for more than one segment. */
function isTooShallow({ text, segments }: Pattern, name: string): boolean {
  if (segments.filter((each) => each.startsWith("*")).length !== 1 || segments.includes("**")) return false;
  const deeper = segments.map((each) => (each === "*" ? "**" : each));
  return capture({ text, segments: deeper }, name) !== undefined;
}
