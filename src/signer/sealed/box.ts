/**
 * A sealed box: XSalsa20-Poly1305 (NaCl's secretbox) under a 32-byte key, with a fresh random nonce.
 *
 * Layout: header · nonce (24 bytes) · box. The box covers the nonce but not the header: a caller's header is
 * constant, or every byte of it goes into the key. So no byte of the whole can be altered, and `openBox` gives
 * undefined for every change as for a wrong key.
 *
 * tweetnacl makes copies of what it seals that cannot be wiped; what it opens is wiped by the caller.
 */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import nacl from "tweetnacl";

export const boxKeyLength = 32;
const nonceLength = 24;
const tagLength = 16;
/** What a box is longer than its header and its content. */
export const boxOverhead = nonceLength + tagLength;

export function sealBox(header: Uint8Array, content: Uint8Array, key: Uint8Array): Uint8Array {
  const nonce = randomBytes(nonceLength);
  return Buffer.concat([header, nonce, nacl.secretbox(content, nonce, key)]);
}

/** The content, to be wiped after use; undefined unless every byte of `sealed` is as it was made. */
export function openBox(header: Uint8Array, sealed: Uint8Array, key: Uint8Array): Buffer | undefined {
  if (sealed.length < header.length + boxOverhead) return undefined;
  if (!Buffer.from(header).equals(sealed.subarray(0, header.length))) return undefined;
  const nonceEnd = header.length + nonceLength;
  const opened = nacl.secretbox.open(
    sealed.subarray(nonceEnd),
    sealed.subarray(header.length, nonceEnd),
    key,
  );
  return opened === null ? undefined : Buffer.from(opened.buffer, opened.byteOffset, opened.byteLength);
}
