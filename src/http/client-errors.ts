/**
 * What is refused before any route is asked (a malformed or oversized head, a request that does not come in time, an
 * expectation that nobody meets, a tunnel), and a connection that is one too many, answered in the API's form. The answer is
 * written to the connection itself, which is closed after it.
 *
 * Invariants: one answer a connection at most; nothing is written into an answer that has begun.
 */
import { type ServerResponse, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Logger } from "pino";
import { MalformedError, RefusedError, type VidimusError } from "../core/errors.ts";
import { errorAnswer } from "./errors.ts";
import type { HttpMetrics } from "./metrics.ts";
import { tooManyConnections, tunnelWanted, unknownExpectation } from "./options.ts";
import { usedMethods } from "./routes.ts";

/** For the `clientError` event of a server. */
export function refuseClientError(
  metrics: Pick<HttpMetrics, "refused">,
  logger: Logger,
): (error: NodeJS.ErrnoException, socket: Socket) => void {
  return (error, socket) => {
    // Reset by the client, or refused already.
    if (!socket.writable) return;
    const refusal = refusalOf(error);
    metrics.refused(refusal.code);
    logger.debug({ code: refusal.code, from: socket.remoteAddress, err: error }, "refused");
    if (answerHasBegun(socket) || isShakingHands(socket)) socket.destroy();
    else {
      // Whoever does not read the answer keeps the connection no longer for it.
      socket.setTimeout(longestFarewell, () => socket.destroy());
      socket.end(error.code === tunnelWanted ? noTunnel : answerText(refusal), () => socket.destroy());
    }
  };
}

/** Milliseconds. */
const longestFarewell = 5_000;

/** As any method that no path has: without a body. A tunnel would begin after a 2xx alone. */
const noTunnel = `HTTP/1.1 405 ${STATUS_CODES[405]}\r\nallow: ${usedMethods.join(", ")}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`;

/** On TLS that is not there yet nothing can be written, and what is written waits for ever. */
function isShakingHands(socket: Socket & { readonly secureConnecting?: boolean }): boolean {
  return socket.secureConnecting === true;
}

/** By the codes of Node's parser and of its limits of time, and our own. */
function refusalOf({ code }: NodeJS.ErrnoException): VidimusError {
  switch (code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return new RefusedError("REQUEST_TIMEOUT", "The request did not arrive in time.");
    case "HPE_HEADER_OVERFLOW":
      return new MalformedError("HEADERS_TOO_LARGE", "The head of the request is too large.");
    case tooManyConnections:
      return new RefusedError(
        "OVERLOADED",
        "Too many connections are open: connect again in a few seconds, or use one for many requests.",
      );
    case unknownExpectation:
      return new RefusedError(
        "EXPECTATION_FAILED",
        "The request expects something else than 100-continue: send it without Expect.",
      );
    default:
      return new MalformedError("BAD_REQUEST", "The request is not well-formed HTTP/1.1.");
  }
}

/** The framework's types do not have this member, which Node's own handler asks for the same purpose. */
function answerHasBegun(socket: Socket & { readonly _httpMessage?: ServerResponse | null }): boolean {
  return socket._httpMessage?.headersSent ?? false;
}

function answerText(refusal: VidimusError): string {
  const { status, own, body, retryAfter } = errorAnswer(refusal);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    "content-type: application/json; charset=utf-8",
    "cache-control: no-store",
    `vidimus-code: ${own}`,
    ...(retryAfter === undefined ? [] : [`retry-after: ${retryAfter}`]),
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}
