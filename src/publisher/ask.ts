/** Calls of the management API of a server (`/api/v1`): a document there, perhaps, and one back. */
import type { CallAnswer, CallRequest } from "../client/fetch/fetcher.ts";
import type { Sender } from "./send.ts";

export interface Question extends Pick<CallRequest, "right" | "path"> {
  readonly method: "GET" | "POST";
  /** Sent as JSON. */
  readonly document: object | undefined;
  /** Milliseconds that it may take. */
  readonly time: number;
}

/** Bytes of an answer. */
const largestAnswer = 64 * 1_024 * 1_024;

/** What comes back, refusals included. Throws what a fetcher throws. */
export async function askServer(
  { fetcher }: Pick<Sender, "fetcher">,
  { right, method, path, document, time }: Question,
): Promise<CallAnswer> {
  return await fetcher.call({
    right,
    method,
    path,
    maxBytes: largestAnswer,
    signal: AbortSignal.timeout(time),
    ...(document !== undefined && {
      body: { type: "application/json", bytes: Buffer.from(JSON.stringify(document), "utf8") },
    }),
  });
}
