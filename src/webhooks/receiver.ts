/**
 * A receiver of announcements by HTTP: one POST for each, signed.
 *
 * - Nobody's own network is reached unless that is allowed: the addresses that a name leads to are judged when the
 *   connection is made, and it goes to one that was judged, so a name that changes in between gains nothing.
 * - No redirect is followed. Of an answer only its status is read. Everything ends within the time given.
 * - What a receiver is called in store and log says nothing of its address but the host: paths of webhooks are secrets.
 */
import { createHash } from "node:crypto";
import { lookup as resolveName } from "node:dns";
import { type ClientRequest, type RequestOptions, request as requestPlain } from "node:http";
import { request as requestSecure } from "node:https";
import { isIP } from "node:net";
import type { Outcome, Receiver, Told } from "../service/delivery/receiver.ts";
import { isPublicAddress } from "./addresses.ts";
import { eventContentType, eventOf } from "./event.ts";
import { judgedLookup } from "./judged-lookup.ts";
import { webhookSignature } from "./signature.ts";

export interface WebhookOptions {
  /** `https:`, or `http:` where private addresses are allowed. */
  readonly url: string;
  readonly keys: readonly Buffer[];
  readonly source: string;
  /** Milliseconds, for the whole of one attempt. */
  readonly timeout: number;
  readonly allowPrivate: boolean;
  /** PEM of authorities in the place of the usual ones. */
  readonly ca: string | undefined;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** How names are resolved. */
  readonly testingOnlyResolve?: typeof resolveName;
}

const notAllowed =
  "its address is a private, loopback or link-local one: webhooks.allowPrivate would allow that";

/** Where deliveries to a URL wait. */
export function webhookName(url: string): string {
  const digest = createHash("sha256").update(url).digest("hex").slice(0, 12);
  return `webhook ${new URL(url).host.slice(0, 100)} ${digest}`;
}

export function webhookReceiver(options: WebhookOptions): Receiver {
  const url = new URL(options.url);
  return {
    name: webhookName(options.url),
    async tell(told) {
      const host = url.hostname.replace(/^\[|\]$/g, "");
      // Of an address there is nothing to resolve, so nobody would judge it.
      if (isIP(host) !== 0 && !options.allowPrivate && !isPublicAddress(host)) {
        return { kind: "failed", why: notAllowed };
      }
      return await post(url, told, options);
    },
  };
}

async function post(url: URL, told: Told, options: WebhookOptions): Promise<Outcome> {
  const body = eventOf(told, options.source);
  // The same at every attempt, and fit for a header whatever the announcement is called.
  const id = `msg_${createHash("sha256").update(told.id).digest("hex").slice(0, 32)}`;
  const seconds = Math.floor(options.now() / 1_000);
  const request: RequestOptions = {
    method: "POST",
    agent: false,
    headers: {
      "content-type": eventContentType,
      "content-length": Buffer.byteLength(body),
      "user-agent": "vidimus",
      "webhook-id": id,
      "webhook-timestamp": String(seconds),
      "webhook-signature": webhookSignature(options.keys, { id, seconds, body }),
    },
    lookup: judgedLookup({
      allowPrivate: options.allowPrivate,
      resolve: options.testingOnlyResolve ?? resolveName,
      refusal: notAllowed,
    }),
    signal: AbortSignal.timeout(options.timeout),
    maxHeaderSize: 16 * 1024,
  };
  try {
    const status = await statusOf(sent(url, request, options.ca), body);
    if (status >= 200 && status < 300) return { kind: "heard" };
    // RFC 9110 15.5.11, and what the specification of webhooks makes of it: never again.
    if (status === 410) return { kind: "gone", why: "it answered 410 Gone" };
    return { kind: "failed", why: `it answered ${status}` };
  } catch (error) {
    return { kind: "failed", why: reasonOf(error, options.timeout) };
  }
}

function sent(url: URL, options: RequestOptions, ca: string | undefined): ClientRequest {
  if (url.protocol === "http:") return requestPlain(url, options);
  return requestSecure(url, { ...options, ...(ca !== undefined && { ca }), minVersion: "TLSv1.2" });
}

function statusOf(request: ClientRequest, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request.on("response", (response) => {
      // Whatever it has to say beyond that is not read.
      response.on("error", () => {});
      response.destroy();
      resolve(response.statusCode ?? 0);
    });
    request.on("error", reject);
    request.on("upgrade", (_response, socket) => {
      socket.destroy();
      reject(new Error("it answered with another protocol"));
    });
    request.end(body);
  });
}

function reasonOf(error: unknown, timeout: number): string {
  if (!(error instanceof Error)) return "it could not be reached";
  if (error.name === "AbortError" || error.name === "TimeoutError") {
    return `it did not answer within ${Math.ceil(timeout / 1_000)} s`;
  }
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined ? error.message.slice(0, 200) : `it could not be reached (${code})`;
}
