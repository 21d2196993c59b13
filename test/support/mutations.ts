/** Real files with something wrong: bytes flipped, cut, doubled, moved, and what parsers stumble over put in. */
import fc from "fast-check";
import { manifest, readFixture } from "./fixtures.ts";

export interface Mutated {
  readonly role: string;
  readonly bytes: Buffer;
}

const originals = manifest.collections.flatMap(({ files }) =>
  files.map(({ file, role }) => ({ role, bytes: readFixture(file) })),
);

const snippets = [
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  '"',
  "\\",
  " ",
  "\n",
  "\0",
  "null",
  "true",
  "-0",
  "1.0",
  "1e9",
  "9007199254740993",
  "\\u0000",
  "\\ud800",
  "\\u0041",
  '"__proto__":1,',
  '"version":2,',
  '"Version":2,',
  '"signed":{},',
  "[".repeat(40),
  "\ufeff",
].map((text) => Buffer.from(text));
snippets.push(Buffer.from([0xff]), Buffer.from([0xc0, 0x80]), Buffer.from([0xed, 0xa0, 0x80]));

/** One change to some bytes; places are fractions, so that they fit files of every size. */
export type Change = (bytes: Buffer, other: Buffer) => Buffer;

const place = fc.double({ min: 0, max: 1, noNaN: true });
const at = (bytes: Buffer, fraction: number) => Math.floor(fraction * bytes.length);

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(place, fc.nat(255)).map<Change>(([where, value]) => (bytes) => {
    const copy = Buffer.from(bytes);
    if (copy.length > 0) copy[Math.min(at(bytes, where), copy.length - 1)] = value;
    return copy;
  }),
  fc.tuple(place, fc.nat(7)).map<Change>(([where, bit]) => (bytes) => {
    const copy = Buffer.from(bytes);
    const i = Math.min(at(bytes, where), copy.length - 1);
    if (i >= 0) copy[i] = (copy[i] as number) ^ (1 << bit);
    return copy;
  }),
  fc.tuple(place, fc.constantFrom(...snippets)).map<Change>(([where, snippet]) => (bytes) => {
    const i = at(bytes, where);
    return Buffer.concat([bytes.subarray(0, i), snippet, bytes.subarray(i)]);
  }),
  fc.tuple(place, fc.nat(40)).map<Change>(([where, count]) => (bytes) => {
    const i = at(bytes, where);
    return Buffer.concat([bytes.subarray(0, i), bytes.subarray(i + count)]);
  }),
  fc.tuple(place, place, fc.nat(80)).map<Change>(([from, to, count]) => (bytes) => {
    const [i, j] = [at(bytes, from), at(bytes, to)];
    return Buffer.concat([bytes.subarray(0, j), bytes.subarray(i, i + count), bytes.subarray(j)]);
  }),
  fc.tuple(place, place).map<Change>(([here, there]) => (bytes, other) => {
    return Buffer.concat([bytes.subarray(0, at(bytes, here)), other.subarray(at(other, there))]);
  }),
);

/** One to four changes of any file. What comes of them may be the file itself. */
const changes: fc.Arbitrary<Change> = fc
  .array(change, { minLength: 1, maxLength: 4 })
  .map((all) => (bytes, other) => all.reduce((each, next) => next(each, other), bytes));

/** Digits and letters of numbers, dates, digests, keys and signatures become others: no parser minds, and it says something else. */
const quiet: fc.Arbitrary<Change> = fc
  .array(fc.tuple(place, place, fc.integer({ min: 1, max: 9 })), { minLength: 1, maxLength: 3 })
  .map((all) => (bytes) => {
    const copy = Buffer.from(bytes);
    const values = [...bytes.toString("latin1").matchAll(/[0-9a-zA-Z]{16,}|[0-9]+/g)];
    for (const [which, where, step] of all) {
      const value = values[Math.min(Math.floor(which * values.length), values.length - 1)];
      if (value === undefined) continue;
      const i = value.index + Math.min(Math.floor(where * value[0].length), value[0].length - 1);
      copy[i] = turned(copy[i] ?? 0, step);
    }
    return copy;
  });

/** Another one of the same kind. */
function turned(code: number, step: number): number {
  const [first, count] = code <= 0x39 ? [0x30, 10] : code <= 0x5a ? [0x41, 26] : [0x61, 26];
  return first + ((code - first + step) % count);
}

/** Changes of any sort, half of which no parser minds. */
export const manyChanges: fc.Arbitrary<Change> = fc.oneof(changes, quiet);

/** A real file after one to four changes; sometimes none. */
export const mutated: fc.Arbitrary<Mutated> = fc
  .tuple(fc.constantFrom(...originals), fc.constantFrom(...originals), fc.array(change, { maxLength: 4 }))
  .map(([{ role, bytes }, other, changes]) => ({
    role,
    bytes: changes.reduce((each, next) => next(each, other.bytes), bytes),
  }));
