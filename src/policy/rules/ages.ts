/**
 * Ages: how far ahead an expiry may lie, and how long ago a target may have been signed.
 *
 * Signatures carry no date in TUF or Notary. The one date that a client can rely on stands inside signed bytes: the
 * member `vidimus.signedAt` of a target's custom data, an RFC 3339 date that our publisher writes at every signing.
 */
import { parseDate } from "../../core/dates.ts";
import { MalformedError } from "../../core/errors.ts";
import { isObject, type Json, member } from "../../core/json.ts";
import type { Signed, TargetFile } from "../../core/model.ts";
import { instant, inWords } from "../durations.ts";
import type { Rule } from "../trust-policy.ts";

export interface AgeFinding {
  readonly code: "SIGNATURE_TOO_OLD" | "SIGNATURE_DATE";
  readonly sentence: string;
}

const oneDay = 86_400_000;

/** What is wrong with an expiry that lies further ahead than allowed, after the role's name; undefined if nothing is. */
export function livesTooLong(
  { expires }: Pick<Signed, "expires">,
  maxLifetime: number | undefined,
  at: number,
): string | undefined {
  const lifetime = expires - at;
  if (maxLifetime === undefined || lifetime <= maxLifetime) return undefined;
  return `expires at ${instant(expires)}, in ${inWords(lifetime)}; the policy allows ${inWords(maxLifetime)}.`;
}

/** The signing date in milliseconds; undefined if there is none, NaN if there is one that cannot be read. */
export function signedAtOf({ custom }: Pick<TargetFile, "custom">): number | undefined {
  const own = isObject(custom as Json | undefined)
    ? member(custom as Parameters<typeof member>[0], "vidimus")
    : undefined;
  const value = isObject(own) ? member(own, "signedAt") : undefined;
  if (value === undefined) return undefined;
  try {
    return parseDate(String(value));
  } catch (error) {
    if (error instanceof MalformedError) return Number.NaN;
    throw error;
  }
}

/** What the rule has to say about the signing date of a target at the instant, if anything. */
export function ageFinding(
  target: Pick<TargetFile, "custom">,
  { maxAge, unknownAge }: Pick<Rule, "maxAge" | "unknownAge">,
  at: number,
): AgeFinding | undefined {
  if (maxAge === undefined) return undefined;
  const signedAt = signedAtOf(target);
  if (signedAt === undefined) {
    return unknownAge === "allow"
      ? undefined
      : {
          code: "SIGNATURE_DATE",
          sentence:
            "It carries no signing date (`vidimus.signedAt` in its custom data), and the policy demands one with `signatures.maxAge`.",
        };
  }
  if (Number.isNaN(signedAt)) {
    return {
      code: "SIGNATURE_DATE",
      sentence:
        "Its signing date (`vidimus.signedAt` in its custom data) is no date such as 2026-11-24T12:00:00Z.",
    };
  }
  if (signedAt > at + oneDay) {
    return {
      code: "SIGNATURE_DATE",
      sentence: `Its signing date (\`vidimus.signedAt\` in its custom data), ${instant(signedAt)}, lies in the future.`,
    };
  }
  if (at - signedAt <= maxAge) return undefined;
  return {
    code: "SIGNATURE_TOO_OLD",
    sentence: `It was signed ${inWords(at - signedAt)} ago; the policy allows ${inWords(maxAge)}.`,
  };
}
