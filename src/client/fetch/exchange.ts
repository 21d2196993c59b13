/**
 * One request and its answer.
 *
 * Invariants: only the body of a 200 is held unless all are wanted, never more of it than `maxBytes`; other bodies are read to keep the
 * connection, up to a small bound; a redirect is an answer like any other; whatever goes wrong is a `TrustError`. When it ends, however it ends, the connection is free or closed.
 */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { TrustError } from "../errors.ts";
import type { Connections } from "./connections.ts";
import { failureOf } from "./failure.ts";
import { reasonOf } from "./within.ts";

export interface Call {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | undefined;
  /** Bytes of a 200's body. */
  readonly maxBytes: number;
  /** Other bodies are held as well. */
  readonly keepsAll?: boolean;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Empty unless the status is 200, or all were to be kept. */
  readonly body: Buffer;
}

/** Moves one call over the wire until `signal` fires. */
export type Send = (call: Call, signal: AbortSignal) => Promise<Answer>;

const mostDiscarded = 65_536;

/**
 * Throws `UNREACHABLE`, `TLS_UNTRUSTED`, `BAD_ANSWER` (not HTTP, or an encoding that was not asked for),
 * `ANSWER_TOO_LARGE`, and why `signal` fired.
 */
export async function exchange(connections: Connections, call: Call, signal: AbortSignal): Promise<Answer> {
  const { url, method, body } = call;
  const way = await connections.to(url);
  if (signal.aborted) throw reasonOf(signal);
  return new Promise<Answer>((resolve, reject) => {
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const headers = { ...call.headers, ...length, "accept-encoding": "identity" };
    const sent = way.request(url, { ...way.options, method, headers, ending: signal });
    const end = () => signal.removeEventListener("abort", stop);
    // The first failure is the one that is told; destroying the request makes more of them.
    const fail = (reason: unknown) => {
      end();
      reject(failureOf(reason, url.origin));
      sent.destroy();
    };
    const stop = () => fail(reasonOf(signal));
    signal.addEventListener("abort", stop, { once: true });
    sent.on("error", fail);
    sent.on("close", () => fail(undefined));
    sent.on("response", (response) => {
      receive(response, call, fail, (answer) => {
        end();
        resolve(answer);
      });
    });
    sent.end(body);
  });
}

function receive(
  response: IncomingMessage,
  { url, maxBytes, keepsAll = false }: Call,
  fail: (reason: unknown) => void,
  done: (answer: Answer) => void,
): void {
  const { headers, statusCode: status = 0 } = response;
  const wanted = status === 200 || keepsAll;
  const most = wanted ? maxBytes : mostDiscarded;
  const chunks: Buffer[] = [];
  let size = 0;
  const overflow = () => {
    if (wanted) {
      fail(new TrustError("ANSWER_TOO_LARGE", `${url.origin} sends more than ${maxBytes} bytes.`));
    } else {
      done({ status, headers, body: Buffer.alloc(0) });
      response.destroy();
    }
  };
  response.on("error", fail);
  if (wanted && isEncoded(headers)) {
    fail(new TrustError("BAD_ANSWER", `${url.origin} sends an encoded answer that was not asked for.`));
    return;
  }
  if (Number(headers["content-length"] ?? 0) > most) {
    overflow();
    return;
  }
  response.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size > most) overflow();
    else if (wanted) chunks.push(chunk);
  });
  response.on("end", () => done({ status, headers, body: Buffer.concat(chunks) }));
}

function isEncoded(headers: IncomingHttpHeaders): boolean {
  const encoding = headers["content-encoding"] ?? "";
  return encoding !== "" && encoding.toLowerCase() !== "identity";
}
