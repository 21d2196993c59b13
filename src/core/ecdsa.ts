/**
 * ECDSA signatures between their two forms: r and s side by side, as metadata has them (`ieee-p1363`), and the DER that
 * OpenSSL works with. The platform converts as well, and takes 28 µs for it at each signature and each verification, half as
 * long as the mathematics.
 *
 * Nothing is judged here: any two numbers have exactly one DER form, zero and those beyond the order of the curve
 * included, and refusing them is the platform's business as it was.
 */

/** From r and s side by side, each of half the bytes. */
export function derOf(raw: Uint8Array): Buffer {
  const half = raw.length / 2;
  const [r, s] = [integer(raw.subarray(0, half)), integer(raw.subarray(half))];
  return element(0x30, Buffer.concat([r, s]));
}

/** From the DER that OpenSSL made, to two numbers of `size` bytes each. */
export function rawOf(der: Uint8Array, size: number): Buffer {
  const raw = Buffer.alloc(2 * size);
  // The sequence's length takes one byte, and a second where it is above 127 (P-521).
  let at = der[1] === 0x81 ? 3 : 2;
  for (const end of [size, 2 * size]) {
    const length = der[at + 1] as number;
    let [from, to] = [at + 2, at + 2 + length];
    at = to;
    if (der[from] === 0 && length > 1) from++;
    if (!(to - from <= size && to <= der.length)) throw new RangeError("not a signature of this curve");
    raw.set(der.subarray(from, to), end - (to - from));
  }
  return raw;
}

/** Unsigned, in as few bytes as it takes: a zero in front where the first bit is set. */
function integer(bytes: Uint8Array): Buffer {
  let from = 0;
  while (from < bytes.length - 1 && bytes[from] === 0) from++;
  const digits = bytes.subarray(from);
  return element(0x02, (digits[0] ?? 0) < 0x80 ? digits : Buffer.concat([Buffer.alloc(1), digits]));
}

/** At most 255 bytes of content: two numbers of P-521 are 138. */
function element(tag: number, content: Uint8Array): Buffer {
  const length = content.length < 0x80 ? [content.length] : [0x81, content.length];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}
