/** Trusts on simulated sites, with caches of their own; all closed when the test file ends. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import type { TrustEvent } from "../../src/client/events.ts";
import type { TrustOptions } from "../../src/client/options.ts";
import { openTrust, type Trust } from "../../src/client/trust.ts";
import { temporaryDirectory } from "./directory.ts";
import { closeLater } from "./fetching.ts";
import { Simulator, simulatedNow, someTarget } from "./simulator.ts";
import { startSite, type TrustSite } from "./trust-site.ts";

/** A policy with one rule for everything; it trusts the first root unless the rule says otherwise. */
export function policyFor(rule: object = {}): object {
  return { repositories: [{ match: "**", tofu: true, ...rule }] };
}

/** A folder that nothing is in yet. */
export function emptyFolder(): string {
  return join(temporaryDirectory(), randomUUID());
}

/** A site that is closed with the test file. */
export async function siteOf(...sims: readonly Simulator[]): Promise<TrustSite> {
  const site = await startSite(...sims);
  closeLater(() => site.close());
  return site;
}

/** A trust on a site at the simulated instant: `policyFor()`, a new cache, no environment and quick failures. */
export async function trusting(site: Pick<TrustSite, "url">, options: TrustOptions = {}): Promise<Trust> {
  const { limits, ...rest } = options;
  const trust = await openTrust({
    server: site.url,
    policy: policyFor(),
    cacheDir: emptyFolder(),
    dockerConfig: emptyFolder(),
    environment: {},
    now: () => simulatedNow,
    limits: { tries: 1, ...limits },
    ...rest,
  });
  closeLater(() => trust.close());
  return trust;
}

/** What a trust tells, and where it is told. */
export function listener(): { readonly events: TrustEvent[]; readonly onEvent: (event: TrustEvent) => void } {
  const events: TrustEvent[] = [];
  return { events, onEvent: (event) => void events.push(event) };
}

/** A repository with these tags in `targets`, whose contents are the tags' own names. */
export async function simulated(repository: string, ...tags: readonly string[]): Promise<Simulator> {
  const sim = await Simulator.create(repository);
  const { names } = sim.targetsOf("targets");
  names.clear();
  for (const tag of tags) names.set(tag, someTarget(tag));
  sim.publish();
  return sim;
}
