/** Member names with escapes, which the platform's parser may take for names it saw before. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseJson } from "../../src/core/json.ts";
import { buildJson } from "../../src/core/json-builder.ts";
import { anyJson, laidOut } from "../support/any-json.ts";
import { propertyTimeout, runs } from "../support/properties.ts";

const read = (text: string) => parseJson(Buffer.from(text), { controlCharacters: false }).value;

describe("a member name with an escape", () => {
  it.each([
    [String.raw`{"x":{"b":1,"a\\":1},"y":{"b":1,"a\"":2}}`, { x: { b: 1, "a\\": 1 }, y: { b: 1, 'a"': 2 } }],
    [String.raw`{"x":{"b":1,"\\":1},"y":{"b":1,"\u0061":2}}`, { x: { b: 1, "\\": 1 }, y: { b: 1, a: 2 } }],
    [
      String.raw`{"x":{"b":1,"\\u":1},"y":{"b":1,"\u0061b":2}}`,
      { x: { b: 1, "\\u": 1 }, y: { b: 1, ab: 2 } },
    ],
  ])("keeps its own letters beside %s", (text, value) => {
    expect(read(text)).toEqual(value);
  });

  it("keeps its own letters after another document", () => {
    expect(read(String.raw`{"c":1,"a\\":1}`)).toEqual({ c: 1, "a\\": 1 });
    expect(read(String.raw`{"c":1,"a\"":2}`)).toEqual({ c: 1, 'a"': 2 });
  });

  it("may be __proto__, and stays a member", () => {
    const value = read(String.raw`{"\u005f_proto__":{"a":1}}`) as object;
    expect(Object.keys(value)).toEqual(["__proto__"]);
  });
});

it("reads a long string of escapes in time that grows with its length only", () => {
  const long = String.raw`\\\"`.repeat(500_000);
  expect(buildJson(`{"a\\"":"${long}"}`)).toEqual({ 'a"': '\\"'.repeat(500_000) });
});

it(
  "builds every document in every layout",
  () => {
    fc.assert(
      fc.property(anyJson, fc.infiniteStream(fc.nat(59)), (value, whims) => {
        expect(buildJson(laidOut(value, (options) => (whims.next().value as number) % options))).toEqual(
          value,
        );
      }),
      runs(2_000),
    );
  },
  propertyTimeout,
);
