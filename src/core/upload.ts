/**
 * The files of an upload, read: what can be said of them before anything that is stored is looked at. Whoever reads
 * them, here or in another thread, gives the same refusals in the same order.
 */
import { MalformedError } from "./errors.ts";
import type { FormatRules } from "./format/format.ts";
import { maxUploadKeys } from "./limits.ts";
import { type Metadata, usedKeys } from "./model.ts";

/** Bytes that are said to be the file of a role. */
export interface NamedBytes {
  readonly role: string;
  readonly bytes: Buffer;
}

/**
 * Gives each file as it was read, in the order they came, so that whoever reads can give others their turn in between. Each role
 * once; what `read` gives undefined for is passed over. The keys of all files together are bounded: opening them is what
 * costs before anything is verified. Throws what `read` throws, `DUPLICATE_ROLE`, `TOO_MANY`.
 */
export function* readEach<F extends { readonly role: string }>(
  files: readonly F[],
  read: (file: F) => Metadata | undefined,
): Generator<Metadata> {
  const seen = new Set<string>();
  let keys = 0;
  for (const given of files) {
    const { role } = given;
    if (seen.has(role)) {
      throw new MalformedError("DUPLICATE_ROLE", "Send each role once in an upload.", { role });
    }
    seen.add(role);
    const file = read(given);
    if (file === undefined) continue;
    keys += usedKeys(file.signed).size;
    if (keys > maxUploadKeys) {
      throw new MalformedError("TOO_MANY", `Use at most ${maxUploadKeys} different keys in one upload.`, {
        role,
      });
    }
    yield file;
  }
}

/** The files of an upload. A timestamp is the server's to make, so one that was sent is passed over. Throws as `readEach`. */
export function readUpload(
  format: Pick<FormatRules, "parse">,
  files: readonly NamedBytes[],
): Generator<Metadata> {
  return readEach(files, ({ role, bytes }) => (role === "timestamp" ? undefined : format.parse(role, bytes)));
}
