/**
 * What this server has, to be brought elsewhere. What is wrong with a repository is wrong here, so the finding says which file it
 * is and what whoever runs this server can do.
 */
import { VidimusError } from "../../core/errors.ts";
import type { Crawl } from "../crawl.ts";
import { SourceError } from "../errors.ts";
import { type Offer, offerOf } from "../offer.ts";
import { type Finding, withoutEnd } from "../report.ts";

export function ownOffer(crawl: Crawl, { past }: { readonly past: boolean }): Offer {
  const offer = offerOf(crawl, { past });
  return {
    ...offer,
    async present(repository, weight) {
      try {
        return await offer.present(repository, weight);
      } catch (error) {
        const finding = findingOf(offer.origin, repository, error);
        if (finding === undefined) throw error;
        return { present: undefined, findings: [finding], notes: [] };
      }
    },
  };
}

function findingOf(origin: string, repository: string, error: unknown): Finding | undefined {
  const next =
    "stop it, let vidimus fsck say what is damaged, restore that from a backup, and export this repository again.";
  if (error instanceof VidimusError) {
    const what = error.role === undefined ? repository : `${error.role} of ${repository}`;
    return {
      code: error.code,
      sentence: `What ${origin} serves as ${what} does not verify (${withoutEnd(error.message)}): ${next}`,
    };
  }
  if (!(error instanceof SourceError) || error.code !== "SOURCE_FAILING") return undefined;
  return {
    code: error.code,
    sentence: `${origin} does not give all of ${repository} (${withoutEnd(error.message)}): its log says why; if it tells of damage, ${next}`,
  };
}
