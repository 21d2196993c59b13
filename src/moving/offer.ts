/** What is to be brought, wherever it is. */
import {
  type Crawl,
  crawlPast,
  crawlPresent,
  lightOf,
  type PastBatch,
  type PastFinding,
  type Present,
} from "./crawl.ts";
import type { Finding } from "./report.ts";

export interface Offer {
  /** As it stands in the record of the server that takes over. */
  readonly origin: string;
  /**
   * Undefined: there is no such repository. Throws `SOURCE_ENDLESS` for what is beyond `weight`: `light` is what many may be at
   * a time.
   */
  present(repository: string, weight: Weight): Promise<Offered | undefined>;
  /** Batches of its past, but for timestamps that are there; nothing without it. */
  past?(
    present: Present,
    held: ReadonlyMap<number, string>,
    onFinding: (finding: PastFinding) => void,
    weight: Weight,
  ): AsyncIterable<PastBatch>;
}

export type Weight = "light" | "any";

export interface Offered {
  /** Undefined: it cannot be taken, and findings say why. */
  readonly present: Present | undefined;
  readonly findings: readonly Finding[];
  readonly notes: readonly string[];
}

/** What a source has, crawled. */
export function offerOf(crawl: Crawl, { past }: { readonly past: boolean }): Offer {
  const light = { ...crawl, limits: lightOf(crawl.limits) };
  const of = (weight: Weight) => (weight === "light" ? light : crawl);
  return {
    origin: crawl.source.origin,
    async present(repository, weight) {
      const present = await crawlPresent(of(weight), repository);
      return present && { present, findings: [], notes: [] };
    },
    ...(past && {
      past: (present, held, onFinding, weight) => crawlPast(of(weight), present, held, onFinding),
    }),
  };
}
