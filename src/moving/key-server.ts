/** The server that takes keys in, as whoever brings them asks it (`/api/v1/repositories/{name}/online-keys`). */
import { z } from "zod";
import type { Fetcher } from "../client/fetch/fetcher.ts";
import { isRepositoryName } from "../core/names.ts";
import { OldKeyError } from "./databases/errors.ts";
import { badNameSentence } from "./report.ts";

const answer = z.object({
  roles: z.array(
    z.object({
      role: z.enum(["timestamp", "snapshot"]),
      threshold: z.number(),
      keys: z.array(z.object({ id: z.string(), held: z.boolean() })).max(1_000),
    }),
  ),
});

export type OnlineRoles = readonly z.output<typeof answer>["roles"][number][];
export type OnlineRole = OnlineRoles[number]["role"];

export interface BroughtKey {
  readonly role: OnlineRole;
  /** DER. */
  readonly pkcs8: Buffer;
}

export interface KeyServer {
  /**
   * The keys that the root in force lists, and which are held; undefined if there is no such repository. Throws `OLD_KEYS_UNTOLD` for a
   * server that is no Vidimus, `BAD_REPOSITORY_NAME` for a name that no repository has there.
   */
  standing(repository: string): Promise<OnlineRoles | undefined>;
  /** All of them, or none. Throws `OLD_KEY_REFUSED`. */
  bring(repository: string, keys: readonly BroughtKey[]): Promise<OnlineRoles>;
}

const largestAnswer = 1_024 * 1_024;
const longest = 60_000;

/** @param fetcherOf the way to the server of a repository */
export function keyServer(fetcherOf: (repository: string) => Promise<Fetcher>): KeyServer {
  const call = async (repository: string, method: "GET" | "POST", body?: object) => {
    // Others may not even be asked about: `..` would lead elsewhere.
    if (!isRepositoryName(repository, { older: true })) throw badName(repository);
    const fetcher = await fetcherOf(repository);
    const bytes = body && Buffer.from(JSON.stringify(body), "utf8");
    try {
      const {
        status,
        code,
        body: said,
      } = await fetcher.call({
        // Whoever adopts a repository asks what is held; only an administrator brings keys.
        right:
          method === "GET"
            ? { of: "repository", repository, actions: "pull,push" }
            : { of: "server", action: "admin" },
        method,
        path: `/api/v1/repositories/${encodeURIComponent(repository)}/online-keys`,
        maxBytes: largestAnswer,
        signal: AbortSignal.timeout(longest),
        ...(bytes && { body: { type: "application/json", bytes } }),
      });
      if (status === 404 && code !== undefined) return undefined;
      if (status === 200) return answer.parse(JSON.parse(said.toString("utf8"))).roles;
      if (code === "BAD_REPOSITORY_NAME") throw badName(repository);
      throw refused(fetcher.origin, repository, status, code, said);
    } finally {
      bytes?.fill(0);
    }
  };
  return {
    standing: (repository) => call(repository, "GET"),
    async bring(repository, keys) {
      const body = { keys: keys.map(({ role, pkcs8 }) => ({ role, private: pkcs8.toString("base64") })) };
      const roles = await call(repository, "POST", body);
      if (roles === undefined) throw new OldKeyError("OLD_KEY_REFUSED", `${repository} is there no more.`);
      return roles;
    },
  };
}

function badName(repository: string): OldKeyError {
  return new OldKeyError(
    "BAD_REPOSITORY_NAME",
    `${repository}: its keys were left out: ${badNameSentence} (BAD_REPOSITORY_NAME)`,
  );
}

const refusal = z.object({ errors: z.array(z.object({ message: z.string().max(2_000) })).min(1) });

function refused(
  origin: string,
  repository: string,
  status: number,
  code: string | undefined,
  body: Buffer,
): OldKeyError {
  const what = code === undefined ? "is no Vidimus that takes keys in" : "refuses its keys";
  let why = `it answered ${status}`;
  try {
    why = refusal.parse(JSON.parse(body.toString("utf8"))).errors[0]?.message ?? why;
  } catch {
    // It said nothing that we know.
  }
  return new OldKeyError(
    code === undefined ? "OLD_KEYS_UNTOLD" : "OLD_KEY_REFUSED",
    `${repository}: ${origin} ${what}: ${why}${code === undefined ? "" : ` (${code})`}`,
  );
}
