/** The server that takes over, by its management API (docs/moving.md): what it has, and what is brought to it. */
import { z } from "zod";
import type { Fetcher } from "../client/fetch/fetcher.ts";
import type { Metadata } from "../core/model.ts";
import type { Collection } from "../core/taking-over.ts";
import { DestinationError } from "./errors.ts";

export interface Standing {
  readonly exists: boolean;
  readonly incarnation: number;
  readonly imported: boolean;
  readonly adopted: boolean;
  readonly current: ReadonlyMap<string, { readonly version: number; readonly sha256: string }>;
}

export interface Destination {
  readonly origin: string;
  standing(repository: string): Promise<Standing>;
  /** Digests of the versions of a role that are there. */
  versions(repository: string, role: string): Promise<ReadonlyMap<number, string>>;
  take(
    repository: string,
    origin: string,
    collection: Collection,
  ): Promise<{ changed: boolean; incarnation: number }>;
  addPast(repository: string, incarnation: number, files: readonly Metadata[]): Promise<number>;
  /**
   * Whether anything is missing there, when nothing is to be changed. Throws what `take` would refuse, as far as that can be
   * known. Without it, what a Vidimus refuses is foreseen.
   */
  foresee?(repository: string, collection: Collection): Promise<"same" | "missing">;
}

const standingAnswer = z.object({
  exists: z.boolean(),
  incarnation: z.int(),
  current: z.array(z.object({ role: z.string(), version: z.int(), sha256: z.string() })),
  imported: z.object({}).optional(),
  adopted: z.boolean(),
});
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

export function destination(
  fetcherOf: (repository: string) => Promise<Fetcher>,
  origin: string,
): Destination {
  async function ask<S extends z.ZodType>(
    repository: string,
    what: string,
    schema: S,
    body?: unknown,
  ): Promise<z.output<S>> {
    const fetcher = await fetcherOf(repository);
    const answer = await fetcher.call({
      right: { of: "server", action: "admin" },
      method: body === undefined ? "GET" : "POST",
      path: `/api/v1/repositories/${encodeURIComponent(repository)}/import${what}`,
      ...(body !== undefined && {
        body: { type: "application/json", bytes: Buffer.from(JSON.stringify(body)) },
      }),
      maxBytes: largestAnswer,
      signal: AbortSignal.timeout(longest),
    });
    if (answer.status !== 200) throw refused(answer.status, answer.body, origin);
    const read = schema.safeParse(parsed(answer.body));
    if (read.success) return read.data;
    throw new DestinationError("UNEXPECTED", 200, `${origin} does not answer as a Vidimus that takes over.`);
  }

  return {
    origin,
    async standing(repository) {
      const { current, imported, ...rest } = await ask(repository, "", standingAnswer);
      return {
        ...rest,
        imported: imported !== undefined,
        current: new Map(current.map(({ role, version, sha256 }) => [role, { version, sha256 }])),
      };
    },
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
    async take(repository, from, { roots, files }) {
      return await ask(repository, "", takenAnswer, {
        origin: from,
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

function refused(status: number, body: Buffer, origin: string): DestinationError {
  const read = refusalAnswer.safeParse(parsed(body));
  const [first] = read.success ? read.data.errors : [];
  if (first !== undefined) return new DestinationError(first.code, status, first.message);
  return new DestinationError("UNEXPECTED", status, `${origin} answered ${status}.`);
}
