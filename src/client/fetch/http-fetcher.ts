/**
 * Files over HTTPS, from the servers that Docker and Notary read from (notary-protocol.md chapter 1).
 *
 * Invariants: what `fetcher.ts` promises. A try is bounded in time as a whole, tokens and redirects included. Nothing is
 * sent, opened or loaded before the first request, and of the rest only what a request turns out to need.
 */
import { checkRepositoryName } from "../../core/names.ts";
import { asTrustError, TrustError } from "../errors.ts";
import type { Authorizer, Pass } from "./authorization.ts";
import { createConnections } from "./connections.ts";
import { type Answer, exchange, type Send } from "./exchange.ts";
import { refusedStatus, retryAfterOf } from "./failure.ts";
import type { Fetcher, FileRequest, Right } from "./fetcher.ts";
import { follow } from "./follow.ts";
import { type FetcherOptions, settle } from "./options.ts";
import { trying, withTries } from "./tries.ts";
import { Turns } from "./turns.ts";
import { until, within } from "./within.ts";

/** Throws `OPTION_INVALID`. `get` also throws `BAD_REPOSITORY_NAME`, before anything is sent. */
export function createFetcher(options: FetcherOptions): Fetcher {
  const settings = settle(options);
  const { server, limits, userAgent } = settings;
  const connections = createConnections(settings);
  const turns = new Turns(limits.connections);
  const closing = new AbortController();
  const tries = trying(limits.tries, options.testingOnlyFirstDelay);
  let authorizer: Promise<Authorizer> | undefined;

  const send: Send = (call, signal) => {
    const headers = { ...call.headers, "user-agent": userAgent };
    return turns.run(signal, () => exchange(connections, { ...call, headers }, signal));
  };

  /** Every answer to a request for this file is told. */
  function reporting({ file, repository }: FileRequest): Send {
    const { onRequest } = options;
    if (onRequest === undefined) return send;
    return async (call, signal) => {
      const begun = performance.now();
      const answer = await send(call, signal);
      const milliseconds = Math.round(performance.now() - begun);
      onRequest({
        file,
        repository,
        status: answer.status,
        bytes: answer.body.length,
        milliseconds,
        date: answer.headers.date,
      });
      return answer;
    };
  }

  async function loadAuthorizer(): Promise<Authorizer> {
    const { createAuthorizer } = await import("./authorization.ts");
    return createAuthorizer(settings, options.credentials, send);
  }

  /** Asks, and asks once more with what the server wants after a 401. */
  async function authorized(
    right: Right,
    signal: AbortSignal,
    ask: (authorization: string | undefined) => Promise<Answer>,
  ): Promise<Answer> {
    const first = await (await authorizer)?.pass(right, signal);
    const answer = await ask(first?.header);
    if (answer.status !== 401) return heard(answer, right, first);
    authorizer ??= loadAuthorizer();
    const asked = answer.headers["www-authenticate"];
    const pass = await (await authorizer).renew(right, first, asked, signal);
    const next = await ask(pass.header);
    if (next.status === 401) throw (await authorizer).refusal(right, pass, next.headers["www-authenticate"]);
    return heard(next, right, pass);
  }

  /** A token that nobody is behind may be good, and is refused for that alone. */
  async function heard(answer: Answer, right: Right, pass: Pass | undefined): Promise<Answer> {
    if (answer.status !== 403 || pass === undefined || pass.known) return answer;
    authorizer ??= loadAuthorizer();
    throw (await authorizer).refusal(right, pass);
  }

  async function tryOnce(request: FileRequest, url: URL, signal: AbortSignal): Promise<Buffer | undefined> {
    const { repository, maxBytes } = request;
    const sendFile = reporting(request);
    const right: Right = { of: "repository", repository, actions: "pull" };
    const answer = await authorized(right, signal, (authorization) => {
      const headers = { accept: "*/*" };
      const errand = { server, url, headers, authorization, maxBytes, redirects: limits.redirects };
      return follow(errand, sendFile, signal);
    });
    if (answer.status === 200) return answer.body;
    if (answer.status === 404) return undefined;
    throw refused(answer);
  }

  function refused({ status, headers }: Answer): TrustError {
    return refusedStatus(status, server.origin, retryAfterOf(headers["retry-after"], Date.now()));
  }

  return {
    origin: server.base,
    async get(request) {
      const url = addressOf(server.base, request);
      const late = () =>
        new TrustError("TIMEOUT", `${server.origin} did not answer within ${limits.requestTime} ms.`);
      return until([request.signal, closing.signal], (either) =>
        withTries(tries, either, () =>
          within(limits.requestTime, [either], late, (signal) => tryOnce(request, url, signal)),
        ),
      );
    },
    async call(request) {
      const { right, method, path, body, accept = "*/*", maxBytes } = request;
      const url = new URL(`${server.base}${path}`);
      const late = () =>
        new TrustError("TIMEOUT", `${server.origin} did not answer within ${limits.requestTime} ms.`);
      return within(limits.requestTime, [request.signal, closing.signal], late, async (signal) => {
        const answer = await authorized(right, signal, (authorization) => {
          const headers = {
            accept,
            ...(authorization !== undefined && { authorization }),
            ...(body !== undefined && { "content-type": body.type }),
          };
          return send({ method, url, headers, body: body?.bytes, maxBytes, keepsAll: true }, signal);
        });
        const code = answer.headers["vidimus-code"];
        // What there are too many of, such as proposals, is for the caller to tell.
        if (answer.status === 429 && (code === undefined || code === "TOO_MANY_REQUESTS"))
          throw refused(answer);
        return {
          status: answer.status,
          type: answer.headers["content-type"]?.split(";")[0]?.trim(),
          code: typeof code === "string" ? code : undefined,
          body: answer.body,
        };
      });
    },
    close() {
      closing.abort(new TrustError("UNREACHABLE", `The connections to ${server.origin} were closed.`));
      connections.close();
    },
  };
}

/** Throws `BAD_REPOSITORY_NAME`; `TypeError` for a file that the caller cannot mean. */
function addressOf(base: string, { repository, file }: FileRequest): URL {
  try {
    checkRepositoryName(repository);
  } catch (error) {
    throw asTrustError(error);
  }
  if (!/^[A-Za-z0-9_-][A-Za-z0-9._/-]*$/.test(file) || file.includes("..")) {
    throw new TypeError("A file of a trust server has a name such as root.json.");
  }
  return new URL(`${base}/v2/${repository}/_trust/tuf/${file}`);
}
