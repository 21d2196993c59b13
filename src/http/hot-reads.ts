/**
 * The short way for what is asked most: a file that is found without waiting for anybody is written before the framework
 * sees the request.
 *
 * Invariants
 * - It gives what `notary.ts` gives, byte for byte, and counts it likewise: the same look, the same `FileAnswers`.
 * - Everything else goes to the framework untouched: other meanings and methods, a file that has to be waited for or is
 *   not there, whatever fails, and every request as long as each leaves a record in the log.
 * - What a path means is kept only of files that were found, within a bound: nobody fills it with names of nothing.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { LRUCache } from "lru-cache";
import type { Logger } from "pino";
import type { FileAnswers } from "./answers.ts";
import type { FileLookup, FileRoute } from "./lookup.ts";
import type { HttpMetrics } from "./metrics.ts";
import type { Route } from "./routes.ts";

export interface HotReadsOptions {
  readonly lookup: Pick<FileLookup, "find" | "leave">;
  readonly answers: FileAnswers;
  readonly metrics: Pick<HttpMetrics, "count">;
  readonly logger: Pick<Logger, "isLevelEnabled">;
  /** What a request means, by its method and raw path. */
  readonly meaningOf: (request: IncomingMessage) => Route;
  /** False: whether it is allowed has to be found out the ordinary way. */
  readonly isAllowed: (request: IncomingMessage, asked: FileRoute) => boolean;
}

/** Bounds of the meanings that are kept: their number, and characters with a weight for each beside them. */
const mostKept = 10_000;
const charactersKept = 4 * 1024 * 1024;
const weight = 256;

/** False: nothing was written, the request is the framework's. */
export type HotReads = (request: IncomingMessage, response: ServerResponse) => boolean;

export function hotReads({
  lookup,
  answers,
  metrics,
  logger,
  meaningOf,
  isAllowed,
}: HotReadsOptions): HotReads {
  // By the raw target alone: of a file, GET and HEAD mean the same.
  const known = new LRUCache<string, FileRoute>({
    max: mostKept,
    maxSize: charactersKept,
    sizeCalculation: (_, target) => target.length + weight,
  });

  return (request, response) => {
    const { method, url: target = "" } = request;
    if ((method !== "GET" && method !== "HEAD") || logger.isLevelEnabled("debug")) return false;
    const startedAt = performance.now();
    const kept = known.get(target);
    const asked = kept ?? meaningOf(request);
    if (!isFile(asked) || !isAllowed(request, asked)) return false;
    try {
      const found = lookup.find(asked);
      if (found === undefined || found instanceof Promise) {
        lookup.leave(request, found);
        return false;
      }
      answers.send(request, response, found, asked.kind);
    } catch {
      // The ordinary way fails likewise, and has the words for it.
      return false;
    }
    response.on("finish", () => {
      metrics.count(asked.kind, method, response.statusCode, performance.now() - startedAt);
    });
    // A query has no meaning here, and there are as many as anybody likes.
    if (kept === undefined && !target.includes("?")) known.set(target, asked);
    return true;
  };
}

function isFile(asked: Route): asked is FileRoute {
  return asked.kind === "current" || asked.kind === "digest" || asked.kind === "version";
}
