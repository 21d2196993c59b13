/** Any JSON that can be signed, with the names that readers stumble over. */
import fc from "fast-check";
import type { Json } from "../../src/core/json.ts";

const awkward = [
  "",
  "__proto__",
  "constructor",
  "toString",
  "9",
  "10",
  "-1",
  "a",
  "aa",
  'a"',
  "a\\",
  "<&>",
  "\u007f",
  "\u2028",
  "\ud7ff",
  "\ue000",
  "\ufb01",
  "\uffee",
  "\uffff",
  "\u{10000}",
  "\u{10ffff}",
  "😀",
];

/** Text without lone surrogates, and without the control characters that no canonical form can carry. */
const text = fc.oneof(
  fc.constantFrom(...awkward),
  fc.string({ unit: "binary", maxLength: 8 }).map(printable),
  fc.string({ unit: "grapheme", maxLength: 8 }).map(printable),
);

export const anyJson: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    fc.constantFrom<Json>(null, true, false),
    fc.maxSafeInteger().map((n) => (n === 0 ? 0 : n)),
    text,
    fc.array(tie("value"), { maxLength: 5 }),
    fc
      .uniqueArray(fc.tuple(text, tie("value")), { maxLength: 8, selector: ([name]) => name })
      .map((members) => Object.fromEntries(members)),
  ),
})).value;

/** The same document in another layout: white space, order of members and escapes at the whim of `choose`. */
export function laidOut(value: Json, choose: (options: number) => number): string {
  const space = () => ["", " ", "\n", "\t\r"][choose(4)] as string;
  const string = (given: string) =>
    `"${[...given]
      .map((character) => {
        if (choose(3) === 0) return escaped(character);
        return character === '"' || character === "\\" ? `\\${character}` : character;
      })
      .join("")}"`;
  const write = (each: Json): string => {
    if (typeof each === "string") return string(each);
    if (each === null || typeof each !== "object") return String(each);
    if (Array.isArray(each))
      return `[${each.map((item) => space() + write(item) + space()).join(",")}${space()}]`;
    const members = Object.entries(each).map(
      ([name, item]) => `${space()}${string(name)}${space()}:${space()}${write(item as Json)}${space()}`,
    );
    if (choose(2) === 0) members.reverse();
    return `{${members.join(",")}${members.length === 0 ? space() : ""}}`;
  };
  return write(value);
}

function escaped(character: string): string {
  return Array.from({ length: character.length }, (_, i) => {
    const hex = character.charCodeAt(i).toString(16).padStart(4, "0");
    return `\\u${hex}`;
  }).join("");
}

function printable(given: string): string {
  return [...given].filter((character) => character >= " ").join("");
}
