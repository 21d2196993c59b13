/**
 * The server that takes over, by its management API (docs/moving.md): what it has, and what is brought to it. Everything here can be
 * said twice, so a request that broke off, or came at a bad moment, is made again.
 */
import pRetry from "p-retry";
import { z } from "zod";
import { TrustError } from "../client/errors.ts";
import type { CallAnswer, Fetcher } from "../client/fetch/fetcher.ts";
import type { Metadata } from "../core/model.ts";
import type { Collection } from "../core/taking-over.ts";
import { DestinationError } from "./errors.ts";
import { authorityHint } from "./notary-source.ts";
import type { Weight } from "./offer.ts";

export interface Standing {
  readonly exists: boolean;
  /** It was taken over and goes on there by keys of its own. */
  readonly adopted: boolean;
}

export interface Destination {
  readonly origin: string;
  standing(repository: string): Promise<Standing>;
  /** Digests of the versions of a role that are there. */
  versions(repository: string, role: string): Promise<ReadonlyMap<number, string>>;
  /**
   * `dryRun`: everything is asked and verified, and nothing changed. Throws `SOURCE_ENDLESS` where `light`, which many may be at a
   * time, is too little for what has to be held meanwhile.
   */
  take(
    repository: string,
    origin: string,
    collection: Collection,
    dryRun: boolean,
    weight?: Weight,
  ): Promise<{ changed: boolean; incarnation: number }>;
  addPast(repository: string, incarnation: number, files: readonly Metadata[]): Promise<number>;
}

const standingAnswer = z.object({ exists: z.boolean(), adopted: z.boolean() });
const takenAnswer = z.object({ changed: z.boolean(), incarnation: z.int() });
const versionsAnswer = z.object({
  versions: z.array(z.object({ version: z.int(), sha256: z.string() })),
  next: z.int().optional(),
});
const addedAnswer = z.object({ added: z.int() });
const refusalAnswer = z.object({
  errors: z.array(z.object({ code: z.string(), message: z.string() })).min(1),
});

const largestAnswer = 4 * 1_024 * 1_024;
const longest = 120_000;
const tries = 6;
/** Answers of a server that may give another one in a moment. */
const passing: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const away: ReadonlySet<string> = new Set(["UNREACHABLE", "TIMEOUT", "SERVER_ERROR", "TOO_MANY_REQUESTS"]);
const unusable: ReadonlySet<string> = new Set([...away, "TLS_UNTRUSTED", "BAD_ANSWER", "ANSWER_TOO_LARGE"]);

/** @param ending the end of everything that is asked for; its reason is thrown */
export function destination(
  fetcherOf: (repository: string) => Promise<Fetcher>,
  origin: string,
  ending?: AbortSignal,
): Destination {
  async function ask<S extends z.ZodType>(
    repository: string,
    what: string,
    schema: S,
    body?: unknown,
  ): Promise<z.output<S>> {
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const answer = await answered(origin, ending, async (signal) => {
      const fetcher = await fetcherOf(repository);
      return await fetcher.call({
        right: { of: "server", action: "admin" },
        method: bytes === undefined ? "GET" : "POST",
        path: `/api/v1/repositories/${encodeURIComponent(repository)}/import${what}`,
        ...(bytes !== undefined && { body: { type: "application/json", bytes } }),
        maxBytes: largestAnswer,
        signal,
      });
    });
    if (answer.status !== 200) throw refused(answer, origin);
    const read = schema.safeParse(parsed(answer.body));
    if (read.success) return read.data;
    throw new DestinationError("UNEXPECTED", 200, `${origin} does not answer as a Vidimus that takes over.`);
  }

  return {
    origin,
    standing: (repository) => ask(repository, "", standingAnswer),
    async versions(repository, role) {
      const found = new Map<number, string>();
      for (let after: number | undefined = 0; after !== undefined; ) {
        const query = `/versions?role=${encodeURIComponent(role)}&after=${after}`;
        const page: z.output<typeof versionsAnswer> = await ask(repository, query, versionsAnswer);
        for (const { version, sha256 } of page.versions) found.set(version, sha256);
        after = page.next !== undefined && page.next > after ? page.next : undefined;
      }
      return found;
    },
    async take(repository, from, { roots, files }, dryRun) {
      return await ask(repository, "", takenAnswer, {
        origin: from,
        dryRun,
        roots: roots.map(({ bytes }) => bytes.toString("base64")),
        files: files.map(wireFile),
      });
    },
    async addPast(repository, incarnation, files) {
      const { added } = await ask(repository, "/past", addedAnswer, {
        incarnation,
        files: files.map(wireFile),
      });
      return added;
    },
  };
}

/** Throws `DestinationError` with the code of what went wrong on the way; who may not is told so by whoever knows the credentials. */
async function answered(
  origin: string,
  ending: AbortSignal | undefined,
  call: (signal: AbortSignal) => Promise<CallAnswer>,
): Promise<CallAnswer> {
  // By hand: what `AbortSignal.any` and `timeout` leave behind outlives the request, and there are many.
  const over = new AbortController();
  const { signal } = over;
  const stop = () => over.abort();
  const timer = setTimeout(stop, longest);
  ending?.addEventListener("abort", stop, { once: true });
  let last: CallAnswer | undefined;
  const once = async () => {
    last = undefined;
    last = await call(signal);
    if (passing.has(last.status)) throw new TrustError("SERVER_ERROR", `It answered ${last.status}.`);
    return last;
  };
  try {
    ending?.throwIfAborted();
    return await pRetry(once, {
      retries: tries - 1,
      minTimeout: 200,
      maxTimeout: 4_000,
      randomize: true,
      signal,
      shouldRetry: ({ error }) => error instanceof TrustError && away.has(error.code),
    });
  } catch (error) {
    ending?.throwIfAborted();
    if (last !== undefined) return last;
    if (error instanceof TrustError && !unusable.has(error.code)) throw error;
    const why = error instanceof TrustError ? error.message : "it did not answer in time.";
    if (!(error instanceof TrustError) && !signal.aborted) throw error;
    const code = error instanceof TrustError ? error.code : "TIMEOUT";
    const isUnknown = error instanceof TrustError && code === "TLS_UNTRUSTED" && error.remedy === undefined;
    const next = isUnknown ? authorityHint("--ca") : "";
    throw new DestinationError(code, 0, `${origin} cannot take anything over: ${why}${next}`, error);
  } finally {
    clearTimeout(timer);
    ending?.removeEventListener("abort", stop);
  }
}

function wireFile({ role, bytes }: Metadata) {
  return { role, bytes: bytes.toString("base64") };
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    return undefined;
  }
}

function refused({ status, code, body }: CallAnswer, origin: string): DestinationError {
  const read = refusalAnswer.safeParse(parsed(body));
  const [first] = read.success ? read.data.errors : [];
  if (code !== undefined && first !== undefined) return new DestinationError(code, status, first.message);
  return new DestinationError(
    "UNEXPECTED",
    status,
    `${origin} answered ${status}, and not as a Vidimus that takes over: --server is the new server, and what is to be taken over stands without a flag.`,
  );
}
