/**
 * How files come from a trust server: the contract between the updater and whatever moves bytes.
 *
 * A fetcher moves bytes and believes nothing. It is bounded in everything: bytes of an answer, time of a request, number
 * of redirects and of tries. It throws `TrustError` with one of the codes below and nothing else.
 */
import type { TrustCode } from "../errors.ts";

export interface FileRequest {
  readonly repository: string;
  /** As the server names it: `root.json`, `2.root.json`, `snapshot.<sha256>.json`, `targets/releases.<sha256>.json`. */
  readonly file: string;
  /** Bytes: a longer body is `ANSWER_TOO_LARGE`, noticed before more than this is held. */
  readonly maxBytes: number;
  /** Ends waiting, retries included. Its reason is thrown. */
  readonly signal: AbortSignal;
}

/** What a request takes: whose credentials are looked up, and what a token is asked for. */
export type Right =
  | {
      readonly of: "repository";
      readonly repository: string;
      /** The repository's name at the token service, where it is another: at a registry, without its host. */
      readonly tokenFor?: string;
      /** As Docker's token services name them; `propose` is Vidimus's own. */
      readonly actions: "pull" | "pull,push" | "pull,push,propose" | "*";
    }
  /** To the whole server. `known`: a valid token, whatever it allows. */
  | { readonly of: "server"; readonly action: "catalog" | "audit" | "admin" | "known" };

/** One call that changes something, or asks for what is no file: for publishers, never for whoever only verifies. */
export interface CallRequest {
  readonly right: Right;
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Below the server's address, with a slash in front and everything in it encoded. */
  readonly path: string;
  readonly body?: { readonly type: string; readonly bytes: Buffer };
  /** Media types that are wanted; any without it. */
  readonly accept?: string;
  /** Bytes of the answer's body, whatever its status. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface CallAnswer {
  readonly status: number;
  /** Media type, without parameters; undefined if none is said. */
  readonly type: string | undefined;
  /** The server's own code of a refusal (`vidimus-code`); undefined from a server that sends none. */
  readonly code: string | undefined;
  readonly body: Buffer;
}

export interface Fetcher {
  /** The server as it is named in messages and cache keys: `https://host:port`, or with a path. */
  readonly origin: string;
  /**
   * The bytes of a file, or undefined if the server says that there is none (404).
   *
   * Throws `UNREACHABLE`, `TIMEOUT`, `TLS_UNTRUSTED`, `SERVER_ERROR` (5xx after all tries), `TOO_MANY_REQUESTS` (429, after all tries or where
   * it says to wait for long), `BAD_ANSWER` (any
   * other status, too many or forbidden redirects, a body shorter than it says), `ANSWER_TOO_LARGE`, `UNAUTHORIZED`,
   * `FORBIDDEN`, `TOKEN_REALM`, `CREDENTIALS`.
   */
  get(request: FileRequest): Promise<Buffer | undefined>;
  /**
   * The answer, whatever its status but 401, 429 of whoever asks too often, and 403 where nobody's credentials are behind the request. Nothing is tried twice but for a 401, and no redirect is followed: of a call that
   * broke off nobody knows here whether it was done. Throws as `get`, but for `SERVER_ERROR`.
   */
  call(request: CallRequest): Promise<CallAnswer>;
  /** Closes idle connections. Requests under way end as `UNREACHABLE`. */
  close(): void;
}

/** Codes after which data of an earlier update may be used, where the policy allows that. */
const away: ReadonlySet<TrustCode> = new Set(["UNREACHABLE", "TIMEOUT", "SERVER_ERROR", "TOO_MANY_REQUESTS"]);

/** Whether the server is away, as against one that answers with something wrong. */
export function isAway(code: TrustCode): boolean {
  return away.has(code);
}
