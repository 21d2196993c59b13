/** Reading files of this machine within bounds, and as the text that they are. */
import { createReadStream } from "node:fs";
import { decodeUtf8 } from "../../core/bytes.ts";
import { MalformedError } from "../../core/errors.ts";
import { type ClientCode, TrustError } from "../errors.ts";

/** A file's bytes, or undefined if there are more than `most`. Throws what the system says. */
export async function readAtMost(path: string, most: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  // `end` is included: one byte more than allowed tells.
  for await (const chunk of createReadStream(path, { end: most })) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  return bytes.length > most ? undefined : bytes;
}

/**
 * A file of the caller's as text, which is UTF-8.
 * @param code what a file is refused as that is not there, too large, or no text
 * @param absent what to do where it is not there; undefined: what the code says
 */
export async function readText(
  path: string,
  what: string,
  most: number,
  code: ClientCode = "FILE_UNREADABLE",
  absent?: string,
): Promise<string> {
  let bytes: Buffer | undefined;
  try {
    bytes = await readAtMost(path, most);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? "unknown error";
    if (why === "ENOENT") {
      const remedy = absent === undefined ? undefined : ({ who: "you", next: absent } as const);
      throw new TrustError(code, `The ${what} is not there.`, { file: path, cause, remedy });
    }
    throw new TrustError(code, `The ${what} cannot be read (${why}).`, { file: path, cause });
  }
  if (bytes === undefined) {
    throw new TrustError(code, `The ${what} is larger than ${most} bytes.`, { file: path });
  }
  try {
    return decodeUtf8(bytes);
  } catch (cause) {
    if (!(cause instanceof MalformedError)) throw cause;
    throw new TrustError(code, `The ${what} is not UTF-8.`, { file: path, cause });
  }
}
