/** Bytes and their text forms. Every decoder here is strict: one byte string has one accepted text. */
import { hash } from "node:crypto";
import { MalformedError } from "./errors.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Strict UTF-8. A byte order mark is kept, for the JSON grammar to refuse. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new MalformedError(
      "NOT_UTF8",
      "The file is not UTF-8; send it as UTF-8 without a byte order mark.",
      {
        cause,
      },
    );
  }
}

/** Standard base64 with padding (RFC 4648 section 4); no white space, no stray bits. */
export function decodeBase64(text: string, what: string): Buffer {
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text) {
    throw new MalformedError("BAD_ENCODING", `The ${what} is not standard base64 with padding.`);
  }
  return bytes;
}

/** What each ASCII character is worth in base64; 64 for those that stand for nothing. */
const base64Values = new Uint8Array(128).fill(64);
for (const [value, byte] of Buffer.from(
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
).entries()) {
  base64Values[byte] = value;
}

/**
 * Whether `decodeBase64` would take the text and give so many bytes, without decoding it: one text for each byte string.
 * A table and no regular expression, since a file may have 400,000 digests.
 */
export function isBase64(text: string, bytes: number): boolean {
  const length = Math.ceil(bytes / 3) * 4;
  const padding = (3 - (bytes % 3)) % 3;
  if (text.length !== length || !text.endsWith("==".slice(0, padding))) return false;
  const digits = length - padding;
  let last = 0;
  let seen = 0;
  for (let i = 0; i < digits; i++) {
    const unit = text.charCodeAt(i);
    last = base64Values[unit & 0x7f] as number;
    // Whatever is not a digit sets a bit above the six.
    seen |= last | (unit & 0xff80);
  }
  const spare = (1 << (padding * 2)) - 1;
  return seen < 64 && (last & spare) === 0;
}

const hexDigits = /^(?:[0-9a-f]{2})*$/;

/** Lower-case hex. */
export function isHex(text: string, bytes: number): boolean {
  return text.length === bytes * 2 && hexDigits.test(text);
}

export function sha256Hex(bytes: Uint8Array | string): string {
  return hash("sha256", bytes, "hex");
}

export function digestBase64(algorithm: "sha256" | "sha512", bytes: Uint8Array): string {
  return hash(algorithm, bytes, "base64");
}

/** Order of the UTF-8 encodings, which UTF-16 units do not give beyond U+FFFF. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Moves surrogates (code points above U+FFFF) behind the rest of the basic plane. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000;
}
