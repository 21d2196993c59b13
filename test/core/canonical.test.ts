import { describe, expect, it } from "vitest";
import { canonicalBytes, canonicalText } from "../../src/core/canonical.ts";
import type { Json } from "../../src/core/json.ts";

describe("canonical form", () => {
  it.each<[Json, string]>([
    [null, "null"],
    [true, "true"],
    [false, "false"],
    [0, "0"],
    [-1, "-1"],
    [9_007_199_254_740_991, "9007199254740991"],
    ["", '""'],
    ['q"b\\s', '"q\\"b\\\\s"'],
    ["\u0000\n\t\u001f\u007f/<>&\u2028", '"\u0000\n\t\u001f\u007f/<>&\u2028"'],
    [[], "[]"],
    [[1, [2, "3"], {}], '[1,[2,"3"],{}]'],
    [{}, "{}"],
    [{ b: 1, a: 2, "": 3 }, '{"":3,"a":2,"b":1}'],
    [{ 10: 1, 9: 2, "-": 3 }, '{"-":3,"10":1,"9":2}'],
    [{ 'a"': 1, "a\\": 2 }, '{"a\\"":1,"a\\\\":2}'],
  ])("%j", (value, expected) => {
    expect(canonicalText(value)).toBe(expected);
  });

  it("sorts names by their UTF-8 bytes, not by UTF-16 units", () => {
    expect(canonicalText({ "😀": 1, "\ufb01": 2, "\uffee": 3, "\ud7ff": 4, "\ue000": 5 })).toBe(
      '{"\ud7ff":4,"\ue000":5,"\ufb01":2,"\uffee":3,"😀":1}',
    );
  });

  it("keeps __proto__ a member", () => {
    expect(canonicalText(JSON.parse('{"b":1,"__proto__":{"a":2}}') as Json)).toBe(
      '{"__proto__":{"a":2},"b":1}',
    );
  });

  it("is UTF-8", () => {
    expect(canonicalBytes("é😀").toString("hex")).toBe("22c3a9f09f988022");
  });

  it.each([1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])("%d has none", (value) => {
    expect(() => canonicalText(value)).toThrow(TypeError);
  });
});
