/**
 * Who somebody is here, and what they may do, by what an identity provider says of them in an ID token.
 *
 * - A rule names claims, and all of them must be as it says; what several rules give adds up. Whoever no rule knows gets nothing.
 * - A text is compared whole and byte for byte. In a rule `*` stands for one or more characters other than `/` and `:`, and `**`
 *   for one or more of any kind: so `repo:acme/*` is every repository of `acme`, and none of `acme-evil`, nor one below another.
 *   A list has what is wanted if one of its texts is it.
 * - `email` counts only where the provider says that it was verified.
 * - A name is made by a template: `{claim}` stands for a claim, which must be there. What the template says before its first
 *   claim is what keeps the names of one provider apart from those of another.
 */
import { type Json, type JsonObject, member } from "../../core/json.ts";
import type { Scope } from "../../store/contract/access.ts";

/** As the configuration has it: a text with stars, or exactly this number or truth. */
export type WantedClaim = string | number | boolean;
export type WantedClaims = Readonly<Record<string, WantedClaim>>;

export interface ClaimRule {
  readonly claims: WantedClaims;
  readonly allow: readonly Scope[];
}

const longestPattern = 512;
const longestValue = 2_048;
const longestName = 200;
const mostValues = 1_000;

/** Why a text is no pattern for a claim; undefined: it is one. */
export function claimFault(pattern: WantedClaim): string | undefined {
  if (typeof pattern !== "string") return undefined;
  if (pattern === "" || pattern.length > longestPattern)
    return `a claim is compared with 1 to ${longestPattern} characters`;
  return pattern.includes("***") ? "write * or **, not more stars" : undefined;
}

/** Whether a provider says all of this of somebody. */
export function hasClaims(claims: JsonObject, wanted: WantedClaims): boolean {
  return Object.entries(wanted).every(([name, pattern]) => isWanted(claimOf(claims, name), pattern));
}

/** What all rules that know somebody give together; undefined: none does. */
export function rightsByClaims(
  claims: JsonObject,
  rules: readonly ClaimRule[],
): readonly Scope[] | undefined {
  const matching = rules.filter((rule) => hasClaims(claims, rule.claims));
  return matching.length === 0 ? undefined : matching.flatMap(({ allow }) => allow);
}

const placeholder = /\{([A-Za-z0-9_.:/-]{1,200})\}/g;

/** Why a text is no template of names; undefined: it is one. */
export function templateFault(template: string): string | undefined {
  const plain = template.replaceAll(placeholder, "");
  if (plain === template) return "a name has at least one {claim}";
  if (/[{}]/.test(plain)) return "a brace stands only around the name of a claim";
  return /^[\x21-\x7e]*$/.test(plain) && template.length <= longestName
    ? undefined
    : `a name has at most ${longestName} printable characters without spaces`;
}

/** What a template says before its first claim. */
export function prefixOf(template: string): string {
  return template.slice(0, Math.max(0, template.indexOf("{")));
}

/** Undefined: a claim is missing or of no use, or the name would be too long for a log. */
export function nameByClaims(claims: JsonObject, template: string): string | undefined {
  let isWhole = true;
  const name = template.replaceAll(placeholder, (_text, claim: string) => {
    const value = claimOf(claims, claim);
    const isUsable = (typeof value === "string" && value !== "") || typeof value === "number";
    isWhole &&= isUsable;
    return isUsable ? String(value) : "";
  });
  return isWhole && name.length <= longestName && /^[\x21-\x7e]+$/.test(name) ? name : undefined;
}

function claimOf(claims: JsonObject, name: string): Json | undefined {
  if (name !== "email") return member(claims, name);
  const verified = member(claims, "email_verified");
  return verified === true || verified === "true" ? member(claims, name) : undefined;
}

function isWanted(value: Json | undefined, pattern: WantedClaim): boolean {
  if (typeof pattern !== "string") return value === pattern;
  if (typeof value === "string") return fits(pattern, value);
  if (!Array.isArray(value) || value.length > mostValues) return false;
  return value.some((each) => typeof each === "string" && fits(pattern, each));
}

/** What one character may be, and whether any number of further ones may follow it. */
interface Step {
  readonly takes: (character: string) => boolean;
  readonly loops: boolean;
}

const anything = () => true;
const ofOneSegment = (character: string) => character !== "/" && character !== ":";

/** All places of the pattern are gone through at once, so that no text takes longer than its length times the pattern's. */
function fits(pattern: string, text: string): boolean {
  if (text.length > longestValue) return false;
  const steps = stepsOf(pattern);
  // Places at which the pattern can be, before the next character.
  let places = new Set([0]);
  for (const character of text) {
    const next = new Set<number>();
    for (const place of places) {
      const step = steps[place];
      if (step?.takes(character) !== true) continue;
      next.add(place + 1);
      if (step.loops) next.add(place);
    }
    if (next.size === 0) return false;
    places = next;
  }
  return places.has(steps.length);
}

function stepsOf(pattern: string): readonly Step[] {
  return (pattern.match(/\*\*?|[^*]/gsu) ?? []).map((part): Step => {
    if (part === "**") return { takes: anything, loops: true };
    if (part === "*") return { takes: ofOneSegment, loops: true };
    return { takes: (character) => character === part, loops: false };
  });
}
