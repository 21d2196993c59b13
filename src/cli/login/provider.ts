/**
 * An identity provider as `vidimus login` speaks with it: OAuth 2.0 and OpenID Connect by oauth4webapi, over requests of our own
 * that are bounded and follow no redirect.
 *
 * oauth4webapi checks what a client has to: the issuer, state, PKCE, nonce, and the claims of the ID token. Whether its signature is
 * the provider's is for the trust server to see, which takes the token and decides who that is.
 */
import { type RequestOptions, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import * as oauth from "oauth4webapi";
import { AccessError } from "../access/errors.ts";
import { printable } from "../output.ts";

export interface Provider {
  readonly server: oauth.AuthorizationServer;
  readonly client: oauth.Client;
  readonly scope: string;
  /** For each request to it. */
  readonly options: { readonly [oauth.customFetch]: Fetch; readonly [oauth.allowInsecureRequests]: boolean };
}

interface FetchOptions {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}
type Fetch = (address: string, options: FetchOptions) => Promise<Response>;

const longest = 30_000;
const mostAnswer = 1_048_576;

/** Throws `LOGIN_FAILED`. `ca`: PEM in the place of the usual authorities. */
export async function openProvider(
  {
    issuer,
    clientId,
    scopes,
  }: { readonly issuer: string; readonly clientId: string; readonly scopes: readonly string[] },
  ca: string | undefined,
): Promise<Provider> {
  const url = addressOf(issuer);
  const options = {
    [oauth.customFetch]: fetchWithin(ca),
    // `addressOf` let plain HTTP through on this machine alone.
    [oauth.allowInsecureRequests]: url.protocol === "http:",
  };
  return await told(issuer, async () => {
    const answer = await oauth.discoveryRequest(url, { ...options, algorithm: "oidc" });
    const server = await oauth.processDiscoveryResponse(url, answer);
    return { server, client: { client_id: clientId }, scope: scopes.join(" "), options };
  });
}

/** An address that people and programs may be sent to. Throws `LOGIN_FAILED`. */
export function addressOf(text: string): URL {
  const url = URL.parse(text);
  const isNearby = url !== null && /^(?:localhost|\[::1\]|127(?:\.[0-9]{1,3}){3})$/.test(url.hostname);
  const isGood = url?.protocol === "https:" || (url?.protocol === "http:" && isNearby);
  if (url !== null && isGood && url.username === "" && url.password === "") return url;
  throw new AccessError(
    "LOGIN_FAILED",
    "The identity provider is named by what is no https address: ask who runs the server.",
  );
}

/** Says what a provider refuses in a sentence, with its own code and nothing else of its answer. */
export async function told<T>(issuer: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof AccessError) throw cause;
    const why =
      codeOf(cause) ??
      (cause instanceof oauth.OperationProcessingError ? cause.code : undefined) ??
      systemCodeOf(cause) ??
      "its answer is not as it should be";
    throw new AccessError("LOGIN_FAILED", `${printable(issuer)} does not log anybody in now: ${why}.`, cause);
  }
}

/** The code of an OAuth error (RFC 6749, 5.2; RFC 8628, 3.5); undefined if it is another error. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof oauth.ResponseBodyError) && !(error instanceof oauth.AuthorizationResponseError))
    return undefined;
  return /^[a-z_]{1,60}$/.test(error.error) ? error.error : "an error without a usable code";
}

function systemCodeOf(error: unknown): string | undefined {
  const code = (error as NodeJS.ErrnoException).code;
  return typeof code === "string" && /^[A-Z_]{1,60}$/.test(code) ? code : undefined;
}

function fetchWithin(ca: string | undefined): Fetch {
  return (address, { method, headers, body, signal }) => {
    const url = addressOf(address);
    const content = body === undefined || body === null ? undefined : Buffer.from(String(body));
    const ends = AbortSignal.timeout(longest);
    const options: RequestOptions = {
      method,
      agent: false,
      headers: { ...headers, ...(content && { "content-length": content.length }) },
      signal: signal === undefined ? ends : AbortSignal.any([signal, ends]),
    };
    return new Promise((resolve, reject) => {
      const sent =
        url.protocol === "https:"
          ? requestHttps(url, { ...options, ...(ca !== undefined && { ca }) })
          : requestHttp(url, options);
      sent.on("error", reject);
      sent.on("response", (response) => {
        const chunks: Buffer[] = [];
        let length = 0;
        response.on("data", (chunk: Buffer) => {
          length += chunk.length;
          if (length <= mostAnswer) chunks.push(chunk);
          else sent.destroy(Object.assign(new Error("the answer does not end"), { code: "TOO_LARGE" }));
        });
        response.on("error", reject);
        response.on("end", () => {
          const type = response.headers["content-type"];
          const status = response.statusCode ?? 0;
          // What a Response cannot have, no provider answers with.
          if (status < 200 || status > 599) return reject(new Error("no status of an answer"));
          const isEmpty = [204, 205, 304].includes(status);
          resolve(
            new Response(isEmpty ? null : Buffer.concat(chunks), {
              status,
              ...(type !== undefined && { headers: { "content-type": type } }),
            }),
          );
        });
      });
      sent.end(content);
    });
  };
}
