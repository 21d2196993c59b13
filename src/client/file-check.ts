/** Holding a file against what is signed for it, in one reading and bounded memory. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { TrustError } from "./errors.ts";
import type { SignedTarget } from "./result.ts";

/** Throws `FILE_MISMATCH`, `FILE_UNREADABLE`. */
export async function refuseOtherFile(
  path: string,
  { length, hashes, target, role }: SignedTarget,
): Promise<void> {
  const algorithms = Object.entries(hashes).map(([name, expected]) => ({
    name,
    expected,
    hash: createHash(name),
  }));
  let size = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      size += chunk.length;
      // A longer file is another file; there is no need to read all of it.
      if (size > length) break;
      for (const { hash } of algorithms) hash.update(chunk);
    }
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
    throw new TrustError("FILE_UNREADABLE", `The file cannot be read (${code}).`, { file: path, cause });
  }
  if (size !== length) {
    const given = size > length ? "longer" : `${size} bytes long`;
    throw new TrustError(
      "FILE_MISMATCH",
      `${role} signs ${length} bytes for ${target}; the file is ${given}.`,
      { file: path, role },
    );
  }
  const other = algorithms.find(({ hash, expected }) => hash.digest("hex") !== expected);
  if (other !== undefined || algorithms.length === 0) {
    throw new TrustError(
      "FILE_MISMATCH",
      `The ${other?.name ?? "digest"} of the file is not the one that ${role} signs for ${target}.`,
      { file: path, role },
    );
  }
}
