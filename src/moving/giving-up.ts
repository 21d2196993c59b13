/**
 * When a server is given up: it takes no more time and memory than it is worth, however it goes about its answers. What one request
 * may take is in `patience.ts`.
 */
import pLimit from "p-limit";
import { TrustError } from "../client/errors.ts";
import { type CrawlLimits, lightOf } from "./crawl.ts";
import { SourceError } from "./errors.ts";
import type { Source } from "./source.ts";

/** Milliseconds that all of one repository may take, besides the last request. */
export const longestForOne = 10 * 60_000;

/** For one repository: the clock runs from now. Throws `SOURCE_FAILING` when the time is over. */
export function upTo<S extends Source>(source: S, longest = longestForOne): S {
  const end = performance.now() + longest;
  return {
    ...source,
    async file(repository: string, name: string, maxBytes: number) {
      if (performance.now() <= end) return await source.file(repository, name, maxBytes);
      throw new SourceError(
        "SOURCE_FAILING",
        `${source.origin} did not give all of ${repository} within ${longest / 1_000} seconds.`,
      );
    },
  };
}

/** Repositories one after the other that a server answers nothing for in time: then it is away. */
const mostSilent = 20;

export class Silence {
  #inARow = 0;

  /** Told how each reading ended; undefined: well. */
  isAway(error: unknown): boolean {
    const isSilent =
      error instanceof SourceError && error.cause instanceof TrustError && error.cause.code === "TIMEOUT";
    this.#inARow = isSilent ? this.#inARow + 1 : 0;
    return this.#inARow >= mostSilent;
  }
}

/** Reads within limits: many at a time within those of many, and what is larger once more, one at a time. */
export type ByWeight = <T>(limits: CrawlLimits, read: (within: CrawlLimits) => Promise<T>) => Promise<T>;

export function byWeight(): ByWeight {
  const heavy = pLimit(1);
  return async (limits, read) => {
    try {
      return await read(lightOf(limits));
    } catch (error) {
      if (!(error instanceof SourceError) || error.code !== "SOURCE_ENDLESS") throw error;
      return await heavy(() => read(limits));
    }
  };
}
