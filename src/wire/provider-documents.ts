/**
 * What an identity provider publishes about itself, fetched within bounds: one GET without redirects, at most 256 KiB, ten
 * seconds, nobody's own network unless that is allowed, and nothing of it believed but what was asked for.
 */
import { lookup } from "node:dns";
import { type IncomingMessage, type RequestOptions, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP } from "node:net";
import { isPublicAddress } from "../webhooks/addresses.ts";
import { judgedLookup } from "../webhooks/judged-lookup.ts";

export interface DocumentOptions {
  readonly allowPrivate: boolean;
  /** PEM of authorities in the place of the usual ones. */
  readonly ca: string | undefined;
  /** Milliseconds; ten seconds without. */
  readonly testingOnlyTime?: number;
}

const mostBytes = 256 * 1_024;
const longest = 10_000;
const refusal =
  "its address is a private, loopback or link-local one: auth.oidc.allowPrivate would allow that";

/** The text of the set of keys. `address`: absent: where the issuer's own document says (OpenID Connect Discovery 1.0, 4). */
export async function fetchKeySet(
  issuer: string,
  address: string | undefined,
  options: DocumentOptions,
): Promise<string> {
  return await getDocument(new URL(address ?? (await addressOfKeys(issuer, options))), options);
}

async function addressOfKeys(issuer: string, options: DocumentOptions): Promise<string> {
  const place = new URL(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
  const document: unknown = JSON.parse(await getDocument(place, options));
  const { issuer: named, jwks_uri } = Object(document) as { issuer?: unknown; jwks_uri?: unknown };
  if (named !== issuer) throw new Error("what is published there is of another issuer");
  const keys = typeof jwks_uri === "string" ? URL.parse(jwks_uri) : null;
  // What begins with TLS goes on with it.
  const isSafe = keys?.protocol === "https:" || (keys !== null && keys.protocol === place.protocol);
  if (!isSafe) throw new Error("what is published there names no address of keys that may be asked");
  return keys.href;
}

async function getDocument(
  url: URL,
  { allowPrivate, ca, testingOnlyTime = longest }: DocumentOptions,
): Promise<string> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  // Of an address there is nothing to look up, so nobody would judge it.
  if (isIP(host) !== 0 && !allowPrivate && !isPublicAddress(host)) throw new Error(refusal);
  const options: RequestOptions = {
    agent: false,
    headers: { accept: "application/json", "user-agent": "vidimus" },
    lookup: judgedLookup({ allowPrivate, resolve: lookup, refusal }),
    maxHeaderSize: 16 * 1_024,
    signal: AbortSignal.timeout(testingOnlyTime),
  };
  return await new Promise((resolve, reject) => {
    const sent =
      url.protocol === "https:"
        ? requestHttps(url, { ...options, minVersion: "TLSv1.2", ...(ca !== undefined && { ca }) })
        : requestHttp(url, options);
    const fail = (error: Error) => {
      reject(error);
      sent.destroy();
    };
    sent.on("error", reject);
    sent.on("response", (response: IncomingMessage) => {
      if (response.statusCode !== 200) return fail(new Error(`it answered ${response.statusCode}`));
      const chunks: Buffer[] = [];
      let length = 0;
      response.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (length > mostBytes) fail(new Error("its answer does not end"));
        else chunks.push(chunk);
      });
      response.on("error", fail);
      response.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    });
    sent.end();
  });
}
