/** What snapshots and targets say of bytes. */
import { hash } from "node:crypto";
import type { FileFacts } from "../core/format/format.ts";

/** Length and digests of some bytes, as targets and snapshots list them. */
export function facts(bytes: Uint8Array): FileFacts {
  return { length: bytes.length, sha256: hash("sha256", bytes, "hex"), sha512: hash("sha512", bytes, "hex") };
}
