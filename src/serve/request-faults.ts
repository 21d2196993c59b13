/** What is wrong with a request before the application sees it: as errors for the `clientError` of its server. */
import type { IncomingMessage } from "node:http";
import { tooManyConnections, tunnelWanted, unknownExpectation } from "../http/options.ts";

/**
 * The parser lets two through, of which intermediaries may have read the other one, and is told to let none through, which
 * HTTP/1.0 alone allows.
 */
export function namesOneHost({ rawHeaders, httpVersion }: IncomingMessage): boolean {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (name?.length === 4 && name.toLowerCase() === "host") hosts += 1;
  }
  return hosts === 1 || (hosts === 0 && httpVersion === "1.0");
}

export function wrongHosts(): NodeJS.ErrnoException {
  return Object.assign(new Error("no Host, or more than one"), { code: "HPE_INVALID_HEADER_TOKEN" });
}

/** Something beside `100-continue`. */
export function expectsMore({ headers }: IncomingMessage): boolean {
  return headers.expect?.trim().toLowerCase() !== "100-continue";
}

export function unmet(): NodeJS.ErrnoException {
  return Object.assign(new Error("an expectation that nobody meets"), { code: unknownExpectation });
}

export function tunnel(): NodeJS.ErrnoException {
  return Object.assign(new Error("no tunnels"), { code: tunnelWanted });
}

export function tooMany(): NodeJS.ErrnoException {
  return Object.assign(new Error("too many connections"), { code: tooManyConnections });
}
