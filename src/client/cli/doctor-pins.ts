/**
 * Whether the pins of a policy hold, and what rules without pins mean. A rule whose match has no star names one repository:
 * that one is asked for and verified from its root on, as a build would, with caches that are thrown away. Other rules name
 * nothing that could be asked for.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { starsOf } from "../../policy/pattern.ts";
import type { Rule, TrustPolicy } from "../../policy/trust-policy.ts";
import { type Cache, diskCache } from "../cache/cache.ts";
import { TrustError } from "../errors.ts";
import { parseServer } from "../fetch/address.ts";
import { isAway } from "../fetch/fetcher.ts";
import { checkOptions, type TrustOptions } from "../options.ts";
import { pinAdd } from "../pins/refusals.ts";
import { Rules } from "../policy/rules.ts";
import { openTrust, type Trust } from "../trust.ts";
import { type Diagnosis, faultOf } from "./diagnosis.ts";
import { anew } from "./pin-confirm.ts";
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

/** Rules that name no server where nobody else does: whatever they match is refused. */
export function lostRules(
  { rules, server, source }: TrustPolicy,
  option: string | undefined,
): readonly Diagnosis[] {
  if (server !== undefined || option !== undefined) return [];
  return rules
    .filter((rule) => rule.server === undefined)
    .map(({ match, place }) => {
      const line = source?.lines.get(place);
      return {
        subject: "server",
        state: "fault",
        what: `${line === undefined ? "" : `${source?.file}:${line}: `}the rule ${match.text} leads nowhere`,
        next: "Name its trust server with `server`, in the rule or for all rules at the top of the policy, or with --server.",
        ending: "policyFile",
      };
    });
}

/**
 * A finding for each pinned rule without a star that leads somewhere. What the server itself is at fault for is told of the
 * server. Where the pins hold, it is tried again with what the cache remembers, as a build would: what is remembered may
 * stand against them.
 * @param options with a cache folder that can be written
 */
export async function triedPins(policy: TrustPolicy, options: CachedOptions): Promise<readonly Diagnosis[]> {
  const anywhere = policy.server ?? options.server;
  const named = policy.rules.filter(
    ({ match, pins, server }) =>
      pins !== undefined && starsOf(match).length === 0 && (server ?? anywhere) !== undefined,
  );
  if (named.length === 0) return [];
  const found: Diagnosis[] = [];
  const folders = await Promise.all([1, 2].map(() => mkdtemp(join(options.cacheDir, ".doctor-"))));
  const [clean, remembering] = folders as [string, string];
  const open = (cacheDir: string) => openTrust({ ...options, cacheDir });
  const trial: Trial = {
    clean: await open(clean),
    remembering: await open(remembering),
    rules: new Rules(policy, checkOptions(options), undefined),
    cacheDir: options.cacheDir,
    copies: diskCache(remembering),
  };
  try {
    for (let from = 0; from < Math.min(named.length, most); from += atOnce) {
      const some = named.slice(from, Math.min(from + atOnce, most));
      found.push(...(await Promise.all(some.map((rule) => tried(trial, rule)))).flat());
    }
  } finally {
    await trial.clean.close();
    await trial.remembering.close();
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  }
  if (named.length <= most) return found;
  const rest = count(named.length - most, "more rule was", "more rules were");
  return [...found, { subject: "pins", state: "ok", what: `${rest} not tried` }];
}

type CachedOptions = TrustOptions & { readonly cacheDir: string };

interface Trial {
  /** With a cache that nothing is in. */
  readonly clean: Trust;
  /** With a cache of copies of what the real one remembers. */
  readonly remembering: Trust;
  readonly copies: Cache;
  readonly rules: Rules;
  /** The real cache, which is only read. */
  readonly cacheDir: string;
}

async function tried(trial: Trial, { match }: Rule): Promise<readonly Diagnosis[]> {
  const subject = `pins of ${match.text}`;
  let name = match.segments.join("/");
  try {
    await trial.clean.check(name).catch(async (error: unknown) => {
      // A repository of files may be called without the host that an image's name has.
      if (!(error instanceof TrustError) || error.code !== "NO_TRUST_DATA" || match.text === name)
        throw error;
      name = match.text;
      await trial.clean.check(name);
    });
  } catch (error) {
    return isOfServer(error) ? [] : [faultOf(subject, error)];
  }
  const memory = await memoryFault(trial, name, `cache of ${match.text}`);
  return [
    { subject, state: "ok", what: "they hold, and the repository verifies" },
    ...(memory === undefined ? [] : [memory]),
  ];
}

/** What is remembered of a repository may be a stranger's root, or newer than what is served: then nothing is accepted. */
async function memoryFault(
  { rules, copies, remembering, cacheDir }: Trial,
  name: string,
  subject: string,
): Promise<Diagnosis | undefined> {
  const { server, repository, asked } = await rules.rule(name);
  const key = { server: parseServer(server).origin, repository };
  const real = diskCache(cacheDir);
  try {
    const state = await real.load(key);
    if (state === undefined) return undefined;
    await copies.commit(key, state, { base: undefined, files: new Map() });
    await remembering.check(name);
    return undefined;
  } catch (error) {
    if (isOfServer(error)) return undefined;
    const fault = faultOf(subject, error);
    const { code } = error as TrustError;
    const what = `${real.fileOf(key)} stands against what is served and pinned: ${fault.what}`;
    if (!anew.has(code)) return { ...fault, what };
    const command = pinAdd(asked, ["--replaced", "--cache", cacheDir]);
    const next = `If the publisher says that the repository was made anew, or if a stranger's root was met before the right one was pinned, forget what is remembered: ${command}`;
    return { ...fault, what, next };
  }
}

function isOfServer(error: unknown): boolean {
  return error instanceof TrustError && (isAway(error.code) || error.code === "TLS_UNTRUSTED");
}
