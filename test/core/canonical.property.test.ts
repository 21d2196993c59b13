/** The canonical form against a second implementation, made from the text of the specification another way. */
import fc from "fast-check";
import { expect, it } from "vitest";
import { compareCodePoints } from "../../src/core/bytes.ts";
import { canonicalBytes } from "../../src/core/canonical.ts";
import { type Json, parseJson } from "../../src/core/json.ts";
import { anyJson, laidOut } from "../support/any-json.ts";
import { propertyTimeout, runs } from "../support/properties.ts";

/**
 * By bytes, and with a stack instead of recursion: names are sorted as UTF-8, quotes and backslashes are doubled up
 * with a backslash in the encoded string, and nothing else is touched.
 */
function byTheBook(document: Json): Buffer {
  const out: Buffer[] = [];
  const stack: (Json | Buffer)[] = [document];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (Buffer.isBuffer(next)) out.push(next);
    else if (typeof next === "string") out.push(quoted(Buffer.from(next)));
    else if (next === null || typeof next !== "object") out.push(Buffer.from(`${next}`));
    else if (Array.isArray(next)) {
      stack.push(Buffer.from("]"));
      for (let i = next.length - 1; i >= 0; i--) {
        stack.push(next[i] as Json);
        if (i > 0) stack.push(Buffer.from(","));
      }
      out.push(Buffer.from("["));
    } else {
      const members = Object.entries(next).map(
        ([name, value]) => [Buffer.from(name), value as Json] as const,
      );
      members.sort(([a], [b]) => Buffer.compare(b, a));
      stack.push(Buffer.from("}"));
      for (const [i, [name, value]] of members.entries()) {
        stack.push(value, Buffer.from(":"), quoted(name));
        if (i < members.length - 1) stack.push(Buffer.from(","));
      }
      out.push(Buffer.from("{"));
    }
  }
  return Buffer.concat(out);
}

function quoted(text: Buffer): Buffer {
  const bytes = [0x22];
  for (const byte of text) {
    if (byte === 0x22 || byte === 0x5c) bytes.push(0x5c);
    bytes.push(byte);
  }
  return Buffer.from([...bytes, 0x22]);
}

it(
  "is the same by another algorithm",
  () => {
    fc.assert(
      fc.property(anyJson, (value) => canonicalBytes(value).equals(byTheBook(value))),
      runs(2_000),
    );
  },
  propertyTimeout,
);

it(
  "is the same whatever the layout of the document",
  () => {
    fc.assert(
      fc.property(anyJson, fc.infiniteStream(fc.nat(59)), (value, whims) => {
        const text = laidOut(value, (options) => (whims.next().value as number) % options);
        const parsed = parseJson(Buffer.from(text), { controlCharacters: false });
        return canonicalBytes(parsed.value).equals(byTheBook(value));
      }),
      runs(1_500),
    );
  },
  propertyTimeout,
);

it(
  "is what the parser says of a slice if, and only if, the slice is it",
  () => {
    fc.assert(
      fc.property(anyJson, fc.infiniteStream(fc.nat(59)), fc.boolean(), (value, whims, plain) => {
        const text = plain
          ? byTheBook(value).toString("utf8")
          : laidOut(value, (options) => (whims.next().value as number) % options);
        const bytes = Buffer.from(`{"signed":${text}}`);
        const span = parseJson(bytes, { controlCharacters: false }).spans.get("signed");
        const slice = bytes.subarray(span?.start, span?.end);
        return span?.canonical === slice.equals(byTheBook(value));
      }),
      runs(1_500),
    );
  },
  propertyTimeout,
);

it(
  "has its names in the order of their UTF-8 bytes",
  () => {
    const name = fc.string({ unit: "binary" });
    fc.assert(
      fc.property(name, name, (a, b) => {
        expect(Math.sign(compareCodePoints(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      runs(2_000),
    );
  },
  propertyTimeout,
);
