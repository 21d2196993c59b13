/**
 * A Notary server as a source, by its public interface (notary-protocol.md chapter 1): files by name, and its changefeed for the
 * names of its repositories. With a client's fetcher: bounded, with Docker's credentials and tokens, each request at its pace.
 */
import { TrustError } from "../client/errors.ts";
import type { Fetcher } from "../client/fetch/fetcher.ts";
import { isRepositoryName } from "../core/names.ts";
import { SourceError } from "./errors.ts";
import type { Pace } from "./pace.ts";
import { type Patience, patiently } from "./patience.ts";
import type { Source } from "./source.ts";

const feedPage = 1_000;
const largestPage = 2 * 1_024 * 1_024;
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

export interface NotaryWays extends Patience {
  /** The flag that takes the authority of its certificate. */
  readonly authorityFlag?: "--old-ca" | "--ca";
  /** Milliseconds that a whole changefeed may take. */
  readonly feedTime?: number;
}

/** @param fetcher makes each request once: what may work the next time is tried again here */
export function notarySource(fetcher: Fetcher, pace: Pace, ways: NotaryWays = {}): NotarySource {
  const { origin } = fetcher;
  const { feedTime = longestFeed } = ways;

  const ask = <T>(maxBytes: number, request: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    askSource(origin, () => patiently(ways, { who: origin, maxBytes, pace }, request), ways);

  /** The bytes of one page of the feed of all repositories. */
  async function feedPageAfter(last: string): Promise<Buffer> {
    const { status, body } = await ask(largestPage, (signal) =>
      fetcher.call({
        right: { of: "server", action: "catalog" },
        method: "GET",
        path: `/v2/_trust/changefeed?records=${feedPage}&change_id=${last}`,
        maxBytes: largestPage,
        signal,
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
    const end = performance.now() + feedTime;
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
          `${origin} has not told all its changes in ${feedTime / 60_000} minutes: name the repositories that are wanted.`,
        );
      }
      last = next;
    }
  }

  return {
    origin,
    changes,
    async *names(most) {
      yield* presentNames(await changes("", most));
    },
    async file(repository, name, maxBytes) {
      if (!isRepositoryName(repository)) return undefined;
      return await ask(maxBytes, (signal) => fetcher.get({ repository, file: name, maxBytes, signal }));
    },
    close: () => fetcher.close(),
  };
}

/** Nothing but the names stays in memory while they are gone through. */
function presentNames({ changed }: Changes): readonly string[] {
  const names: string[] = [];
  for (const [name, exists] of changed) if (exists) names.push(name);
  return names.sort();
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
        typeof each.Category === "string",
    );
  if (isFeed) return (records as readonly FeedRecord[]).map(bounded);
  throw new SourceError(
    "SOURCE_LIST",
    `${origin} answers with something that is no changefeed: name the repositories, or give a file of names with --names.`,
  );
}

/** A name that no table holds says what it is by its beginning, and is none any more. It is copied: a part would hold the whole. */
function bounded(record: FeedRecord): FeedRecord {
  if (record.GUN.length <= longestName) return record;
  const beginning = Buffer.from(record.GUN.slice(0, longestName)).toString("utf8");
  return { ...record, GUN: `${beginning}…` };
}

function isLater(id: string, than: string): boolean {
  return BigInt(id) > BigInt(than === "" ? 0 : than);
}

const forbidden: ReadonlySet<string> = new Set(["UNAUTHORIZED", "FORBIDDEN", "CREDENTIALS"]);
const failing: ReadonlySet<string> = new Set(["SERVER_ERROR", "TOO_MANY_REQUESTS", "BAD_ANSWER", "TIMEOUT"]);

/** What goes wrong with a request, as what is wrong with a source. Throws `SourceError`, and why `ending` fired. */
export async function askSource<T>(
  origin: string,
  request: () => Promise<T>,
  { ending, authorityFlag = "--old-ca" }: NotaryWays = {},
): Promise<T> {
  try {
    return await request();
  } catch (error) {
    ending?.throwIfAborted();
    throw error instanceof TrustError ? sourceErrorOf(error, origin, authorityFlag) : error;
  }
}

function sourceErrorOf(error: TrustError, origin: string, authorityFlag: string): SourceError {
  const { code, message } = error;
  if (code === "ANSWER_TOO_LARGE") return new SourceError("SOURCE_ENDLESS", message, error);
  if (forbidden.has(code)) {
    return new SourceError(
      "SOURCE_FORBIDDEN",
      `${message} Log in to the registry that the repository is named after (docker login), as somebody who may read it.`,
      error,
    );
  }
  if (code === "TOKEN_REALM") {
    return new SourceError(
      "SOURCE_REALM",
      `${message} If that service is the old server's, say so with --old-realm.`,
      error,
    );
  }
  if (failing.has(code)) return new SourceError("SOURCE_FAILING", message, error);
  const next = code === "TLS_UNTRUSTED" && error.remedy === undefined ? authorityHint(authorityFlag) : "";
  return new SourceError("SOURCE_UNREACHABLE", `${origin} cannot be read: ${message}${next}`, error);
}

/** What a person gives whose server has a certificate that nobody else knows. */
export function authorityHint(flag: string): string {
  return ` If it is the right server, give the PEM file of the authority that made its certificate: ${flag} FILE, or NODE_EXTRA_CA_CERTS=FILE for both servers.`;
}
