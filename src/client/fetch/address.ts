/**
 * Addresses that may be spoken to: HTTPS, and plain HTTP with this machine alone. An address never carries a user or
 * password, and two addresses are the same place when their origins (scheme, host, port) are the same.
 */
import { TrustError } from "../errors.ts";

export interface ServerAddress {
  /** Scheme, host and port, the port only if it is not the usual one. */
  readonly origin: string;
  /** The origin with the path, without a slash at the end: what files are asked for below. */
  readonly base: string;
  /** Plain HTTP on this machine. */
  readonly plain: boolean;
}

/** Whether the host is a loopback address written out, or `localhost`. */
function isLoopback(url: URL): boolean {
  const { hostname } = url;
  return hostname === "localhost" || hostname === "[::1]" || /^127(?:\.[0-9]{1,3}){3}$/.test(hostname);
}

/** Whether anything may be sent there at all. */
export function isPermitted(url: URL): boolean {
  if (url.username !== "" || url.password !== "") return false;
  return url.protocol === "https:" || isPlain(url);
}

export function isPlain(url: URL): boolean {
  return url.protocol === "http:" && isLoopback(url);
}

/** Throws `OPTION_INVALID`. */
export function parseServer(text: string): ServerAddress {
  const url = permitted(text, "server");
  const path = url.pathname.replace(/\/+$/, "");
  return { origin: url.origin, base: `${url.origin}${path}`, plain: isPlain(url) };
}

/** The origin of an address; its path counts for nothing. Throws `OPTION_INVALID`. */
export function parseRealm(text: string): string {
  return permitted(text, "tokenRealms").origin;
}

/** The address is not repeated in the message: it may hold a password. */
function permitted(text: string, option: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !isPermitted(url) || url.search !== "" || url.hash !== "") {
    throw new TrustError(
      "OPTION_INVALID",
      `Write \`${option}\` as https://host[:port][/path]; plain http is for 127.0.0.1, [::1] and localhost only.`,
    );
  }
  return url;
}
