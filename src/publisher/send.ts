/** One upload, and what came of it. */

import { TrustError } from "../client/errors.ts";
import type { Fetcher } from "../client/fetch/fetcher.ts";
import { PublishError } from "./errors.ts";
import { encodeUpload } from "./upload.ts";

export interface Sender {
  /** The name that is signed. */
  readonly repository: string;
  readonly fetcher: Fetcher;
}

/** Bytes of an answer to an upload. */
const largestAnswer = 65_536;
/** Milliseconds that a server may take to examine what it was sent. */
const longest = 120_000;

/**
 * Publishes all files at once, or none. `overtaken`: somebody else was faster. `unknown`: it broke off, and may have been done.
 * Throws `PUBLISH_REFUSED` with what the server says, and what a fetcher throws before anything was sent.
 */
export async function send(
  { repository, fetcher }: Sender,
  files: ReadonlyMap<string, Buffer>,
): Promise<"published" | "overtaken" | "unknown"> {
  const body = await encodeUpload(files);
  let answer: Awaited<ReturnType<Fetcher["call"]>>;
  try {
    answer = await fetcher.call({
      right: { of: "repository", repository, actions: "pull,push" },
      method: "POST",
      path: `/v2/${repository}/_trust/tuf/`,
      body,
      maxBytes: largestAnswer,
      signal: AbortSignal.timeout(longest),
    });
  } catch (error) {
    if (error instanceof TrustError && brokenOff.has(error.code)) return "unknown";
    throw error;
  }
  const { status, code } = answer;
  if (status === 200) return "published";
  const said = refusalIn(answer.body);
  if (status === 400 && said?.code === "VERSION") return "overtaken";
  // A server that fails may have failed after the fact.
  if (status >= 500 && status !== 503) return "unknown";
  const why = said === undefined ? `with ${status}` : `${said.message} (${code ?? said.code})`;
  throw new PublishError("PUBLISH_REFUSED", `${fetcher.origin} refuses to publish ${repository}: ${why}`, {
    serverCode: code ?? said?.code,
  });
}

const brokenOff: ReadonlySet<string> = new Set(["UNREACHABLE", "TIMEOUT", "BAD_ANSWER", "ANSWER_TOO_LARGE"]);

/** What a server says of a refusal (notary-protocol.md 1.7, 1.8): the most exact sentence of it. */
export function refusalIn(body: Buffer): { readonly code: string; readonly message: string } | undefined {
  try {
    const { errors } = JSON.parse(body.toString("utf8")) as { errors?: readonly unknown[] };
    const first = errors?.[0] as
      | { code?: unknown; message?: unknown; detail?: { Error?: { Msg?: unknown } } }
      | undefined;
    if (typeof first?.code !== "string") return undefined;
    const exact = first.detail?.Error?.Msg;
    const message = typeof exact === "string" && exact !== "" ? exact : first.message;
    return { code: first.code, message: String(message ?? "").slice(0, 2_000) };
  } catch {
    return undefined;
  }
}
