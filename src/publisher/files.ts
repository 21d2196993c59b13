/** Making signed files out of contents and keys. */

import { hash } from "node:crypto";
import type { FileFacts, FormatRules } from "../core/format/format.ts";
import type { PublisherKey } from "./keys.ts";

/** Signs the canonical form of a file with every given key and puts it together. */
export function sealWith(format: FormatRules, canonical: Buffer, signers: readonly PublisherKey[]): Buffer {
  return format.seal(
    canonical,
    signers.map((signer) => signer.sign(canonical)),
  );
}

/** Length and digests of some bytes, as targets and snapshots list them. */
export function facts(bytes: Uint8Array): FileFacts {
  return { length: bytes.length, sha256: hash("sha256", bytes, "hex"), sha512: hash("sha512", bytes, "hex") };
}
