/**
 * A request for a file, redirects included.
 *
 * Invariants: a redirect leads to HTTPS, or from this machine to this machine; what authorizes goes to the trust
 * server's origin only; another origin's wish for credentials is not heard.
 */
import { TrustError } from "../errors.ts";
import { isPermitted, isPlain, type ServerAddress } from "./address.ts";
import type { Answer, Send } from "./exchange.ts";

export interface Errand {
  readonly server: ServerAddress;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly authorization: string | undefined;
  readonly maxBytes: number;
  /** How many to follow. */
  readonly redirects: number;
}

const redirecting: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** The answer that is no redirect. Throws `BAD_ANSWER`, and what `send` throws. */
export async function follow(errand: Errand, send: Send, signal: AbortSignal): Promise<Answer> {
  const { server, maxBytes, redirects } = errand;
  let { url } = errand;
  for (let followed = 0; ; followed++) {
    const home = url.origin === server.origin;
    const authorized = home && errand.authorization !== undefined;
    const headers = authorized
      ? { ...errand.headers, authorization: errand.authorization as string }
      : errand.headers;
    const answer = await send({ method: "GET", url, headers, maxBytes }, signal);
    if (answer.status === 401 && !home) {
      throw new TrustError(
        "BAD_ANSWER",
        `${server.origin} redirects to ${url.origin}, which wants credentials.`,
      );
    }
    if (!redirecting.has(answer.status)) return answer;
    if (followed === redirects) {
      throw new TrustError("BAD_ANSWER", `${server.origin} redirects more than ${redirects} times.`);
    }
    url = target(answer, url, server);
  }
}

function target({ headers, status }: Answer, from: URL, server: ServerAddress): URL {
  const location = headers.location ?? "";
  const url = location !== "" && URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (url === undefined || !isPermitted(url) || (isPlain(url) && !server.plain)) {
    throw new TrustError(
      "BAD_ANSWER",
      `${from.origin} redirects (${status}) to where no file may come from.`,
    );
  }
  url.hash = "";
  return url;
}
