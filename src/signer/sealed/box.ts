/**
 * A sealed box: XSalsa20-Poly1305 (NaCl's secretbox) under a 32-byte key, with a fresh random nonce.
 *
 * Layout: header · nonce (24 bytes) · box. The header stands before the box and is repeated inside it, so that
 * no byte of the whole can be altered: `open` gives undefined for every change, and for a wrong key.
 *
 * tweetnacl makes copies of what it seals that cannot be wiped; what it opens is wiped by the caller.
 */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import nacl from "tweetnacl";

export const boxKeyLength = 32;
const nonceLength = 24;
const overhead = 16;

export function sealBox(header: Uint8Array, content: Uint8Array, key: Uint8Array): Uint8Array {
  const nonce = randomBytes(nonceLength);
  const message = Buffer.concat([header, content]);
  const box = nacl.secretbox(message, nonce, key);
  message.fill(0);
  return Buffer.concat([header, nonce, box]);
}

/** The content, to be wiped after use; undefined unless every byte of `sealed` is as it was made. */
export function openBox(header: Uint8Array, sealed: Uint8Array, key: Uint8Array): Buffer | undefined {
  const nonceEnd = header.length + nonceLength;
  if (sealed.length < nonceEnd + overhead + header.length) return undefined;
  if (!Buffer.from(header).equals(sealed.subarray(0, header.length))) return undefined;
  const opened = nacl.secretbox.open(
    sealed.subarray(nonceEnd),
    sealed.subarray(header.length, nonceEnd),
    key,
  );
  if (opened === null) return undefined;
  const message = Buffer.from(opened.buffer, opened.byteOffset, opened.byteLength);
  if (message.subarray(0, header.length).equals(header)) return message.subarray(header.length);
  message.fill(0);
  return undefined;
}
