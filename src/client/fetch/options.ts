/** What a fetcher is told, checked once when it is made. Nothing here opens a connection or reads a file. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { TrustError } from "../errors.ts";
import { parseRealm, parseServer, type ServerAddress } from "./address.ts";
import type { CredentialSource } from "./credentials.ts";

export interface ClientCertificate {
  /** PEM, with its chain after it. */
  readonly certificate: string;
  /** PEM, without passphrase. */
  readonly key: string;
}

export interface FetchLimits {
  /** Milliseconds for one try: connecting, tokens, redirects and the whole answer together. */
  readonly requestTime: number;
  /** Requests for one file before it is given up, the first included. */
  readonly tries: number;
  /** Redirects that one try follows. */
  readonly redirects: number;
  /** Requests at a time, each on a connection of its own; further ones wait. */
  readonly connections: number;
}

export const defaultFetchLimits: FetchLimits = {
  requestTime: 30_000,
  tries: 3,
  redirects: 3,
  connections: 8,
};

/** One answer of the trust server to a request for a file: also those before a token, a redirect or a new try. */
export interface RequestEvent {
  readonly file: string;
  readonly repository: string;
  readonly status: number;
  readonly bytes: number;
  readonly milliseconds: number;
  /** The `Date` header, as it came. */
  readonly date: string | undefined;
}

export interface FetcherOptions {
  /** `https://host[:port][/path]`; `http://` for loopback only. */
  readonly server: string;
  /** PEM of one or more CAs: with it, nothing else is trusted. Default: what Node trusts. */
  readonly ca?: string | undefined;
  /** Shown to the trust server and the permitted token realms, nobody else. */
  readonly clientCertificate?: ClientCertificate | undefined;
  /**
   * The server of this very machine: whose name its certificate has is no matter, a certificate in `ca` need not be an authority, and
   * `socket` is the Unix socket on which it listens. Only where the configuration of that server says so.
   */
  readonly local?: { readonly socket: string | undefined } | undefined;
  /** Origins beside the server's own that credentials may be sent to for a token. */
  readonly tokenRealms?: readonly string[] | undefined;
  readonly credentials: CredentialSource;
  /**
   * `process.env`, or `{}` for no proxy. Only whether it names a proxy is read from here; `proxy-from-env`, which then
   * applies the rules of `NO_PROXY`, knows the environment of the process only.
   */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly limits?: Partial<FetchLimits> | undefined;
  readonly userAgent?: string | undefined;
  readonly onRequest?: ((event: RequestEvent) => void) | undefined;
  /** Milliseconds before the second try, in place of some 200. */
  readonly testingOnlyFirstDelay?: number | undefined;
}

export interface Settings {
  readonly server: ServerAddress;
  /** Origins that may be asked for a token, the server's own included. */
  readonly realms: ReadonlySet<string>;
  readonly ca: string | undefined;
  readonly clientCertificate: ClientCertificate | undefined;
  /** Of the server's own origin alone. */
  readonly local: { readonly socket: string | undefined } | undefined;
  readonly limits: FetchLimits;
  readonly userAgent: string;
  /** Whether the environment names a proxy at all. */
  readonly proxies: boolean;
}

const most: FetchLimits = { requestTime: 3_600_000, tries: 20, redirects: 20, connections: 256 };
const least: FetchLimits = { requestTime: 1, tries: 1, redirects: 0, connections: 1 };
const proxyVariables = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/** Throws `OPTION_INVALID`. */
export function settle(options: FetcherOptions): Settings {
  const server = parseServer(options.server);
  const { ca, clientCertificate, userAgent = "vidimus" } = options;
  if (ca !== undefined) checkAuthority(ca);
  if (clientCertificate !== undefined) checkPair(clientCertificate);
  if (!/^[\x20-\x7e]{1,200}$/.test(userAgent)) throw invalid("Write `userAgent` in printable ASCII.");
  return {
    server,
    realms: new Set([server.origin, ...(options.tokenRealms ?? []).map(parseRealm)]),
    ca,
    clientCertificate,
    local: options.local,
    limits: checkedLimits(options.limits ?? {}),
    userAgent,
    proxies: proxyVariables.some((name) => (options.environment[name] ?? "") !== ""),
  };
}

function checkedLimits(given: Partial<FetchLimits>): FetchLimits {
  const limits = { ...defaultFetchLimits, ...given };
  for (const name of Object.keys(defaultFetchLimits) as (keyof FetchLimits)[]) {
    const value = limits[name];
    if (!Number.isInteger(value) || value < least[name] || value > most[name]) {
      throw invalid(`Write the limit \`${name}\` as a whole number from ${least[name]} to ${most[name]}.`);
    }
  }
  return limits;
}

function checkAuthority(pem: string): void {
  try {
    new X509Certificate(pem);
  } catch (error) {
    throw invalid("Give `ca` as PEM: it holds no certificate that can be read.", error);
  }
}

function checkPair({ certificate, key }: ClientCertificate): void {
  let fits: boolean;
  try {
    fits = new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    throw invalid("Give the client certificate and its key as PEM, the key without passphrase.");
  }
  if (!fits) throw invalid("Give the client certificate with the key that it was issued for.");
}

function invalid(message: string, cause?: unknown): TrustError {
  return new TrustError("OPTION_INVALID", message, { cause });
}
