/** What clients kept, as something to be brought: their folders are read once, and each repository compared when its turn comes. */
import type { FormatRules } from "../core/format/format.ts";
import { compareKept } from "./compare.ts";
import type { Offer } from "./offer.ts";
import { type Kept, keptIn } from "./trust-folder.ts";

/** Bytes of all files, which are held together: what is beyond is not read. */
const mostBytes = 1_024 * 1_024 * 1_024;

export interface TrustOffer {
  readonly offer: Offer;
  /** In byte order. */
  readonly repositories: readonly string[];
  /** Folders in which there is nothing of any repository. */
  readonly empty: readonly string[];
}

/** Throws `SourceError`. */
export async function trustOffer(
  folders: readonly string[],
  format: FormatRules,
  now: () => number,
  { testingOnlyMost = mostBytes }: { readonly testingOnlyMost?: number } = {},
): Promise<TrustOffer> {
  const byName = new Map<string, Kept[]>();
  const room = { bytes: testingOnlyMost };
  const empty = new Set(folders);
  for (const folder of new Set(folders)) {
    for await (const kept of keptIn(folder, room)) {
      empty.delete(folder);
      byName.set(kept.repository, [...(byName.get(kept.repository) ?? []), kept]);
    }
  }
  return {
    repositories: [...byName.keys()].sort(),
    empty: [...empty],
    offer: {
      origin: "clients' caches",
      async present(repository) {
        const kept = byName.get(repository);
        return kept && compareKept(format, kept, now());
      },
    },
  };
}
