/**
 * What went wrong under a request, as the codes of this library.
 *
 * Invariants: a server that cannot be authenticated is never "away", whatever the reason; messages name the origin and
 * Node's short code. Node's own error is not handed on, since it may hold the raw bytes of an answer: only its code and
 * sentence are, and only from where the sentence is known not to quote anybody. Where a failure is what the wrong scheme
 * looks like, the message says so.
 */
import { TrustError } from "../errors.ts";

/** OpenSSL's verdicts on a certificate, as Node names them, and failures of the TLS protocol itself. */
const untrusted =
  /^(?:ERR_TLS_|ERR_SSL_|CERT_|CRL_|DEPTH_ZERO_SELF_SIGNED_CERT$|SELF_SIGNED_CERT_IN_CHAIN$|UNABLE_TO_|HOSTNAME_MISMATCH$|INVALID_CA$|INVALID_PURPOSE$|PATH_LENGTH_EXCEEDED$|ERROR_IN_|UNSPECIFIED$|EPROTO$)/;
/** OpenSSL, given an answer that is no TLS. */
const plainAnswer = /^(?:EPROTO$|ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)$)/;
/** The answer ended too early, as against one that is not HTTP. */
const brokenOff = /^HPE_(?:INVALID_EOF_STATE|CLOSED_CONNECTION)$/;

/** `origin`: who was spoken to. A `TrustError` comes back as it is. */
export function failureOf(reason: unknown, origin: string): TrustError {
  if (reason instanceof TrustError) return reason;
  const code = codeOf(reason);
  const cause = code === undefined ? undefined : underneath(reason, code);
  if (code !== undefined && untrusted.test(code)) {
    const isPlain = plainAnswer.test(code);
    const remedy = isPlain ? { next: "Correct the port or the scheme of the address." } : undefined;
    return new TrustError(
      "TLS_UNTRUSTED",
      `${origin} cannot be authenticated (${code}).${hint(origin, isPlain)}`,
      { cause, remedy },
    );
  }
  if (code?.startsWith("HPE_") && !brokenOff.test(code)) {
    return new TrustError(
      "BAD_ANSWER",
      `${origin} does not answer in HTTP (${code}).${hint(origin, origin.startsWith("http:"))}`,
    );
  }
  const why = code === undefined ? "" : ` (${code})`;
  const scheme = origin.startsWith("http:") ? hint(origin, brokenBy(code)) : "";
  return new TrustError("UNREACHABLE", `${origin} cannot be reached, or broke off${why}.${scheme}`, {
    cause,
  });
}

/** What a TLS port does with plain HTTP, if it does not answer with bytes of its own. */
function brokenBy(code: string | undefined): boolean {
  return code === undefined || code === "ECONNRESET" || code === "EPIPE";
}

/** What may be wrong with the address, where a failure looks like that. */
function hint(origin: string, looksLikeIt = true): string {
  if (!looksLikeIt) return "";
  if (origin.startsWith("http:")) return " It may speak TLS: then its address begins with https://.";
  return " It may speak plain HTTP, which is for loopback only: then its address begins with http://.";
}

function codeOf(reason: unknown): string | undefined {
  if (!(reason instanceof Error) || !("code" in reason)) return undefined;
  return typeof reason.code === "string" && /^[A-Z0-9_]{1,80}$/.test(reason.code) ? reason.code : undefined;
}

function underneath(reason: unknown, code: string): Error {
  return Object.assign(new Error((reason as Error).message), { code });
}

/** The error for a status that gives no file. `retryAfter`: seconds. */
export function refusedStatus(status: number, origin: string, retryAfter?: number): TrustError {
  const detail = retryAfter === undefined ? { status } : { status, retryAfter };
  if (status === 403) {
    return new TrustError("FORBIDDEN", `${origin} does not let this user read here (403).`, { detail });
  }
  if (status === 429) return askedTooOften(origin, retryAfter);
  if (status >= 500 && status <= 599) {
    return new TrustError("SERVER_ERROR", `${origin} answered ${status}.`, { detail });
  }
  // Many servers answer so on a TLS port.
  const scheme = origin.startsWith("http:") && status === 400 ? hint(origin) : "";
  return new TrustError(
    "BAD_ANSWER",
    `${origin} answered ${status}, which no trust server does here.${scheme}`,
    { detail },
  );
}

function askedTooOften(origin: string, retryAfter: number | undefined): TrustError {
  const wait = retryAfter === undefined ? "a minute" : timeOf(retryAfter);
  return new TrustError("TOO_MANY_REQUESTS", `${origin} was asked too often (429).`, {
    detail: { status: 429, ...(retryAfter !== undefined && { retryAfter }) },
    remedy: { next: `Wait ${wait}, then run the command again.` },
  });
}

function timeOf(seconds: number): string {
  const [count, unit] =
    seconds > 120 ? [Math.ceil(seconds / 60), "minute"] : [Math.max(1, seconds), "second"];
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

/** Seconds of a `Retry-After`, which is a number of them or a date; undefined if it is neither. `now`: milliseconds. */
export function retryAfterOf(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(header)) return Number(header);
  const date = /^[A-Z][a-z]{2}, /.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - now) / 1_000));
}
