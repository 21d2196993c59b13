/** What clients kept, as something to be brought: their folders are read once, and each repository compared when its turn comes. */
import type { FormatRules } from "../core/format/format.ts";
import { compareKept } from "./compare.ts";
import { SourceError } from "./errors.ts";
import type { Offer } from "./offer.ts";
import { type Kept, keptIn } from "./trust-folder.ts";

/** Bytes of all that is held at a time. */
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
): Promise<TrustOffer> {
  const byName = new Map<string, Kept[]>();
  let bytes = 0;
  const empty = new Set(folders);
  for (const folder of new Set(folders)) {
    for await (const kept of keptIn(folder)) {
      for (const file of kept.files.values()) bytes += file.length;
      if (bytes > mostBytes) {
        throw new SourceError("SOURCE_ENDLESS", "These folders hold more than 1 GiB: name fewer at a time.");
      }
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
