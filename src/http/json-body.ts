/** Reading a body of JSON, within bounds, as strictly as signed files: every member once, integers only; and one of a form. */
import type { IncomingMessage } from "node:http";
import { MIMEType } from "node:util";
import { MalformedError } from "../core/errors.ts";
import { type Json, parseJson } from "../core/json.ts";
import { isStillLetIn } from "./auth/still.ts";
import { Block } from "./block.ts";
import type { ByteBudget, Share } from "./budget.ts";

/**
 * Reads the body, hands its value to `use`, and resolves as that does; until then its bytes count against the budget. An
 * empty body is undefined. Who was let in is asked for once more in between. Throws `BAD_UPLOAD`, `UPLOAD_TOO_LARGE`, `UNSUPPORTED_ENCODING`, `OVERLOADED`, and what
 * `parseJson` throws.
 */
export async function withJson<T>(
  request: IncomingMessage,
  most: number,
  budget: ByteBudget,
  use: (value: Json | undefined) => Promise<T>,
): Promise<T> {
  return await withBytes(request, most, budget, async (bytes) => {
    if (bytes.length === 0) return await use(undefined);
    checkType(request.headers["content-type"], "application/json");
    return await use(parseJson(bytes, { controlCharacters: true }).value);
  });
}

/** The same of a form (`application/x-www-form-urlencoded`). */
export async function withForm<T>(
  request: IncomingMessage,
  most: number,
  budget: ByteBudget,
  use: (form: URLSearchParams) => Promise<T>,
): Promise<T> {
  return await withBytes(request, most, budget, async (bytes) => {
    checkType(request.headers["content-type"], "application/x-www-form-urlencoded");
    return await use(new URLSearchParams(bytes.toString("utf8")));
  });
}

async function withBytes<T>(
  request: IncomingMessage,
  most: number,
  budget: ByteBudget,
  use: (bytes: Buffer) => Promise<T>,
): Promise<T> {
  let abandon: (error: Error) => void = () => undefined;
  const share = budget.open((error) => abandon(error));
  try {
    const bytes = await readBody(request, most, share, (how) => {
      abandon = how;
    });
    share.settle();
    await isStillLetIn(request);
    return await use(bytes);
  } finally {
    share.close();
  }
}

function checkType(given: string | undefined, wanted: string): void {
  let type = "";
  try {
    type = new MIMEType(given ?? "").essence;
  } catch {
    // Refused below.
  }
  if (type !== wanted) throw new MalformedError("BAD_UPLOAD", `Send the body as ${wanted}.`);
}

async function readBody(
  request: IncomingMessage,
  most: number,
  share: Share,
  onAbandon: (how: (error: Error) => void) => void,
): Promise<Buffer> {
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
    throw new MalformedError("UNSUPPORTED_ENCODING", "Send the body without a content encoding.");
  }
  const tooLarge = () => new MalformedError("UPLOAD_TOO_LARGE", `Send at most ${most} bytes in one body.`);
  if (Number(request.headers["content-length"] ?? 0) > most) throw tooLarge();
  const block = new Block();
  let length = 0;
  return await new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      // The rest of the body is of no interest; the connection is closed with the answer.
      request.removeAllListeners("data");
      request.resume();
      reject(error);
    };
    const brokeOff = () =>
      fail(new MalformedError("BAD_UPLOAD", "The body broke off; send it again, whole."));
    onAbandon(fail);
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      try {
        if (length > most) throw tooLarge();
        share.take(chunk.length);
        block.append(chunk);
      } catch (error) {
        fail(error as Error);
      }
    });
    request.once("end", () => resolve(block.take()));
    request.once("close", brokeOff);
    request.once("error", brokeOff);
  });
}
