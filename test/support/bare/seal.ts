/** Signed files out of their canonical form and keys in the hand. */
import type { FormatRules } from "../../../src/core/format/format.ts";
import type { PublisherKey } from "./keys.ts";

/** Signs the canonical form of a file with every given key and puts it together. */
export function sealWith(format: FormatRules, canonical: Buffer, signers: readonly PublisherKey[]): Buffer {
  return format.seal(
    canonical,
    signers.map((signer) => signer.sign(canonical)),
  );
}
