/**
 * A Notary server as a source, by its public interface (notary-protocol.md chapter 1): files by name, and its changefeed for the
 * names of its repositories. With a client's fetcher: bounded, with Docker's credentials and tokens, each request at its pace.
 */
import { TrustError } from "../client/errors.ts";
import type { Fetcher } from "../client/fetch/fetcher.ts";
import { isRepositoryName } from "../core/names.ts";
import { SourceError } from "./errors.ts";
import type { Pace } from "./pace.ts";
import type { Source } from "./source.ts";

const feedPage = 1_000;
const largestPage = 2 * 1_024 * 1_024;
/** Longest that one page may take, its tries included, in milliseconds. */
const longest = 120_000;
/** Longest that a whole feed may take. */
const longestFeed = 2 * 60 * 60_000;
/** Characters of a name that a feed tells: the original's tables have room for 255. */
const longestName = 1_024;

/** What a changefeed tells after one of its entries. */
export interface Changes {
  /** Whether a repository is there after it changed last. */
  readonly changed: ReadonlyMap<string, boolean>;
  /** The last entry that was read; what was given, if there was none. */
  readonly last: string;
}

export interface NotarySource extends Source {
  /**
   * @param after an entry, or nothing for the beginning
   * Throws `SOURCE_LIST` where it is not told, `SOURCE_ENDLESS` beyond `most` repositories.
   */
  changes(after: string, most: number): Promise<Changes>;
}

/** @param patience milliseconds that a whole changefeed may take */
export function notarySource(fetcher: Fetcher, pace: Pace, patience = longestFeed): NotarySource {
  const { origin } = fetcher;

  /** The bytes of one page of the feed of all repositories. */
  async function feedPageAfter(last: string): Promise<Buffer> {
    await pace.turn();
    const { status, body } = await askSource(origin, () =>
      fetcher.call({
        right: { of: "server", action: "catalog" },
        method: "GET",
        path: `/v2/_trust/changefeed?records=${feedPage}&change_id=${last}`,
        maxBytes: largestPage,
        signal: AbortSignal.timeout(longest),
      }),
    ).catch((error: unknown) => {
      if (!(error instanceof SourceError) || error.code !== "SOURCE_FORBIDDEN") throw error;
      throw new SourceError(
        "SOURCE_LIST",
        `${origin} does not tell its changes to this user: log in to ${new URL(origin).host} (docker login) as somebody who may read its catalog, name the repositories, or give a file of names with --names.`,
        error.cause,
      );
    });
    if (status === 200) return body;
    throw new SourceError(
      "SOURCE_LIST",
      `${origin} does not tell its changes (status ${status}): name the repositories, or give a file of names with --names.`,
    );
  }

  async function changes(after: string, most: number): Promise<Changes> {
    const changed = new Map<string, boolean>();
    const end = performance.now() + patience;
    for (let last = after, pages = 0; ; pages++) {
      const records = recordsOf(await feedPageAfter(last), origin);
      for (const { GUN, Category } of records) changed.set(GUN, Category !== "deletion");
      const next = records.at(-1)?.ID ?? last;
      if (records.length < feedPage) return { changed, last: next };
      // A feed that does not get on would be read for ever.
      if (changed.size > most || pages > 100 + most / 10 || !isLater(next, last)) {
        throw new SourceError(
          "SOURCE_ENDLESS",
          `${origin} tells of more than ${most} repositories, or the same again and again: name those that are wanted.`,
        );
      }
      if (performance.now() > end) {
        throw new SourceError(
          "SOURCE_ENDLESS",
          `${origin} has not told all its changes in ${patience / 60_000} minutes: name the repositories that are wanted.`,
        );
      }
      last = next;
    }
  }

  return {
    origin,
    changes,
    async *names(most) {
      const { changed } = await changes("", most);
      yield* [...changed].flatMap(([name, exists]) => (exists ? [name] : [])).sort();
    },
    async file(repository, name, maxBytes) {
      if (!isRepositoryName(repository)) return undefined;
      await pace.turn();
      return await askSource(origin, () =>
        // Its tries are bounded in number and time; a timer for each would outlive the request by minutes.
        fetcher.get({ repository, file: name, maxBytes, signal: new AbortController().signal }),
      );
    },
    close: () => fetcher.close(),
  };
}

interface FeedRecord {
  readonly ID: string;
  readonly GUN: string;
  readonly Category: string;
}

function recordsOf(body: Buffer, origin: string): readonly FeedRecord[] {
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch {
    // Said below.
  }
  const records =
    typeof value === "object" && value !== null && "records" in value ? value.records : undefined;
  if (records === null) return [];
  const isFeed =
    Array.isArray(records) &&
    records.every(
      (each) =>
        typeof each === "object" &&
        each !== null &&
        /^[0-9]{1,19}$/.test(String(each.ID)) &&
        typeof each.GUN === "string" &&
        each.GUN.length <= longestName &&
        typeof each.Category === "string",
    );
  if (isFeed) return records as readonly FeedRecord[];
  throw new SourceError(
    "SOURCE_LIST",
    `${origin} answers with something that is no changefeed: name the repositories, or give a file of names with --names.`,
  );
}

function isLater(id: string, than: string): boolean {
  return BigInt(id) > BigInt(than === "" ? 0 : than);
}

const forbidden: ReadonlySet<string> = new Set(["UNAUTHORIZED", "FORBIDDEN", "CREDENTIALS"]);
const failing: ReadonlySet<string> = new Set(["SERVER_ERROR", "TOO_MANY_REQUESTS", "BAD_ANSWER", "TIMEOUT"]);

/** What goes wrong with a request, as what is wrong with a source. Throws `SourceError`. */
export async function askSource<T>(origin: string, request: () => Promise<T>): Promise<T> {
  try {
    return await request();
  } catch (error) {
    if (!(error instanceof TrustError)) throw error;
    if (error.code === "ANSWER_TOO_LARGE") throw new SourceError("SOURCE_ENDLESS", error.message, error);
    if (forbidden.has(error.code)) {
      throw new SourceError(
        "SOURCE_FORBIDDEN",
        `${error.message} Log in to the registry that the repository is named after (docker login), as somebody who may read it.`,
        error,
      );
    }
    if (error.code === "TOKEN_REALM") {
      throw new SourceError(
        "SOURCE_REALM",
        `${error.message} If that service is the old server's, say so with --source-realm.`,
        error,
      );
    }
    if (failing.has(error.code)) throw new SourceError("SOURCE_FAILING", error.message, error);
    throw new SourceError("SOURCE_UNREACHABLE", `${origin} cannot be read: ${error.message}`, error);
  }
}
