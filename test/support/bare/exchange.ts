/**
 * One bounded HTTPS exchange with a trust server.
 *
 * Invariants: only the given authority is trusted; no answer is longer than its bound; connecting, sending and reading
 * together take no longer than the limit; a redirect is an answer like any other and is not followed.
 */
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { checkRepositoryName } from "../../../src/core/names.ts";

/** Where a trust server is, and how to know it. */
export interface TrustServer {
  /** `https://HOST:PORT`, with or without a path, without a slash at the end. */
  readonly url: string;
  /** The PEM of the authority that signed its certificate. */
  readonly ca: string;
}

export interface Limits {
  /** Bytes of an answer's body. */
  readonly answerBytes: number;
  /** Milliseconds for the whole exchange. */
  readonly time: number;
}

export const defaultLimits: Limits = { answerBytes: 32 * 1_024 * 1_024, time: 30_000 };

export interface Body {
  readonly type: string;
  readonly bytes: Buffer;
}

export interface Answer {
  readonly status: number;
  /** The server's own code of a refusal; undefined from a server that sends none. */
  readonly code: string | undefined;
  readonly bytes: Buffer;
}

export const exchangeCodes = ["UNREACHABLE", "TOO_SLOW", "ANSWER_TOO_LARGE", "REFUSED"] as const;
export type ExchangeCode = (typeof exchangeCodes)[number];

/** An exchange that did not give what was asked for. */
export class ExchangeError extends Error {
  readonly code: ExchangeCode;
  /** What the server said, if it is the one that refused. */
  readonly answer: Answer | undefined;

  constructor(code: ExchangeCode, message: string, context: { answer?: Answer; cause?: unknown } = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.name = "ExchangeError";
    this.code = code;
    this.answer = context.answer;
  }
}

/** The path of a repository's files. `rest`: a file's name, or nothing. Throws `BAD_REPOSITORY_NAME`. */
export function repositoryPath(repository: string, rest = ""): string {
  checkRepositoryName(repository);
  return `/v2/${repository}/_trust/tuf/${rest}`;
}

/** Any answer, whatever its status. Throws `ExchangeError`: `UNREACHABLE`, `TOO_SLOW`, `ANSWER_TOO_LARGE`. */
export function exchange(
  server: TrustServer,
  method: "GET" | "POST",
  path: string,
  limits: Limits = defaultLimits,
  body?: Body,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = body && { "content-type": body.type, "content-length": body.bytes.length };
    const sent = request(`${server.url}${path}`, { method, ca: server.ca, agent: false, headers });
    // The first failure is the one that is told; destroying the request makes more of them.
    const fail = (reason: unknown) => {
      reject(
        reason instanceof ExchangeError
          ? reason
          : new ExchangeError(
              "UNREACHABLE",
              "The server cannot be reached, broke off, or is not who it says.",
              {
                cause: reason,
              },
            ),
      );
      sent.destroy();
    };
    const late = new ExchangeError("TOO_SLOW", `The server did not answer within ${limits.time} ms.`);
    const timer = setTimeout(fail, limits.time, late);
    sent.on("error", fail);
    sent.on("close", () => clearTimeout(timer));
    sent.on("response", (response) => void readBody(response, limits).then(resolve, fail));
    sent.end(body?.bytes);
  });
}

async function readBody(response: IncomingMessage, limits: Limits): Promise<Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limits.answerBytes) {
      throw new ExchangeError(
        "ANSWER_TOO_LARGE",
        `The server's answer is longer than ${limits.answerBytes} bytes.`,
      );
    }
    chunks.push(chunk);
  }
  const code = response.headers["vidimus-code"];
  return {
    status: response.statusCode ?? 0,
    code: typeof code === "string" ? code : undefined,
    bytes: Buffer.concat(chunks),
  };
}

/** The error for an answer that is not 200. */
export function refusal(answer: Answer): ExchangeError {
  const own = answer.code === undefined ? "" : ` (${answer.code})`;
  return new ExchangeError("REFUSED", `The server answered ${answer.status}${own}.`, { answer });
}
