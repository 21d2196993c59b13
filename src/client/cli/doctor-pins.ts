/**
 * Whether the pins of a policy hold, and what rules without pins mean. A rule whose match has no star names one repository:
 * that one is asked for and verified from its root on, as a build would, with a cache that is thrown away. Other rules name
 * nothing that could be asked for.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { starsOf } from "../../policy/pattern.ts";
import type { Rule, TrustPolicy } from "../../policy/trust-policy.ts";
import { TrustError } from "../errors.ts";
import { isAway } from "../fetch/fetcher.ts";
import type { TrustOptions } from "../options.ts";
import { openTrust, type Trust } from "../trust.ts";
import { type Diagnosis, faultOf } from "./diagnosis.ts";
import { count } from "./table.ts";

const most = 64;
const atOnce = 8;

/** Rules that refuse whatever they match, and rules that trust whoever comes first. */
export function openRules({ rules }: TrustPolicy): readonly Diagnosis[] {
  const unpinned = rules.filter(({ pins }) => pins === undefined);
  const warning = (some: readonly Rule[], what: string, next: string): readonly Diagnosis[] =>
    some.length === 0
      ? []
      : [
          {
            subject: "pins",
            state: "warning",
            what: `${what}: ${some.map(({ match }) => match.text).join(", ")}`,
            next,
          },
        ];
  return [
    ...warning(
      unpinned.filter(({ tofu }) => !tofu),
      "no pins",
      "Run `pin add` with each name; until then these are refused.",
    ),
    ...warning(
      unpinned.filter(({ tofu }) => tofu),
      "first use is trusted",
      "Run `pin add` with each name, so that nobody else can be the first.",
    ),
  ];
}

/**
 * A finding for each pinned rule without a star. What the server itself is at fault for is told of the server.
 * @param options with a cache folder that can be written
 */
export async function triedPins(
  { rules }: TrustPolicy,
  options: TrustOptions & { readonly cacheDir: string },
): Promise<readonly Diagnosis[]> {
  const named = rules.filter(({ match, pins }) => pins !== undefined && starsOf(match).length === 0);
  if (named.length === 0) return [];
  const cacheDir = await mkdtemp(join(options.cacheDir, ".doctor-"));
  const trust = await openTrust({ ...options, cacheDir });
  const found: Diagnosis[] = [];
  try {
    for (let from = 0; from < Math.min(named.length, most); from += atOnce) {
      const some = named.slice(from, Math.min(from + atOnce, most));
      found.push(...(await Promise.all(some.map((rule) => tried(trust, rule)))).flat());
    }
  } finally {
    await trust.close();
    await rm(cacheDir, { recursive: true, force: true });
  }
  if (named.length <= most) return found;
  const rest = count(named.length - most, "more rule was", "more rules were");
  return [...found, { subject: "pins", state: "ok", what: `${rest} not tried` }];
}

async function tried(trust: Trust, { match }: Rule): Promise<readonly Diagnosis[]> {
  const subject = `pins of ${match.text}`;
  const full = match.segments.join("/");
  try {
    await trust.check(full).catch(async (error: unknown) => {
      // A repository of files may be called without the host that an image's name has.
      if (!(error instanceof TrustError) || error.code !== "NO_TRUST_DATA" || match.text === full)
        throw error;
      await trust.check(match.text);
    });
    return [{ subject, state: "ok", what: "they hold, and the repository verifies" }];
  } catch (error) {
    if (error instanceof TrustError && (isAway(error.code) || error.code === "TLS_UNTRUSTED")) return [];
    return [faultOf(subject, error)];
  }
}
