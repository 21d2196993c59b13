import { describe, expect, it } from "vitest";
import type { JsonObject } from "../../src/core/json.ts";
import { entries, length, list, Shape, text, threshold, version } from "../../src/core/shape.ts";
import { outcome } from "../support/refusals.ts";

const parsed = (source: string) => JSON.parse(source) as JsonObject;
const wrong = [null, true, 0, 1, "", "x", [], [1], {}, { a: 1 }];

describe("an object of known shape", () => {
  const open = new Shape("it", ["keys", "version"]);
  const closed = new Shape("it", ["keys", "version"], "refused");

  it("may lack members", () => {
    expect(outcome(() => open.read({}))).toBe("accepted");
  });

  it("may have others, where a signature covers them", () => {
    expect(open.read({ keys: 1, other: 2 })).toEqual({ keys: 1, other: 2 });
  });

  it("may not have others where none does: UNSIGNED_MEMBER", () => {
    expect(outcome(() => closed.read({ keys: 1, other: 2 }))).toBe("UNSIGNED_MEMBER");
  });

  it.each(["Keys", "KEYS", "keyS", "\u212aeys", "key\u017f", "verSion", "ver\u017fion"])(
    "may not have %s, which Go reads as a known member: DUPLICATE_MEMBER",
    (name) => {
      expect(outcome(() => open.read({ [name]: 1 }))).toBe("DUPLICATE_MEMBER");
      expect(outcome(() => open.read({ keys: 0, version: 0, [name]: 1 }))).toBe("DUPLICATE_MEMBER");
    },
  );

  it.each(["__proto__", "constructor", "toString"])("takes %s for an ordinary other member", (name) => {
    expect(outcome(() => open.read(parsed(`{"${name}":1}`)))).toBe("accepted");
    expect(outcome(() => closed.read(parsed(`{"${name}":1}`)))).toBe("UNSIGNED_MEMBER");
  });

  it.each([undefined, ...wrong.filter((value) => typeof value !== "object" || value === null), [[]]])(
    "%j is none: BAD_SHAPE",
    (value) => {
      expect(outcome(() => open.read(value as never))).toBe("BAD_SHAPE");
    },
  );
});

describe("a string", () => {
  it("is read", () => {
    expect(text({ a: "abc" }, "a", 3)).toBe("abc");
  });

  it("too long: TOO_LARGE", () => {
    expect(outcome(() => text({ a: "abcd" }, "a", 3))).toBe("TOO_LARGE");
  });

  it.each(wrong.filter((value) => typeof value !== "string"))("%j is none: BAD_SHAPE", (value) => {
    expect(outcome(() => text({ a: value } as JsonObject, "a", 3))).toBe("BAD_SHAPE");
  });

  it.each(["a", "__proto__", "constructor"])("%s is not there: BAD_SHAPE", (name) => {
    expect(outcome(() => text({}, name, 3))).toBe("BAD_SHAPE");
  });
});

describe("a list", () => {
  it.each(["{}", '{"a":null}', '{"a":[]}'])("%s is empty", (source) => {
    expect(list(parsed(source), "a", 0)).toEqual([]);
  });

  it("too long: TOO_MANY", () => {
    expect(outcome(() => list({ a: [1, 2] }, "a", 1))).toBe("TOO_MANY");
  });

  it.each([true, 0, "", "x", {}])("%j is none: BAD_SHAPE", (value) => {
    expect(outcome(() => list({ a: value } as JsonObject, "a", 9))).toBe("BAD_SHAPE");
  });
});

describe("a map", () => {
  it.each(["{}", '{"a":null}', '{"a":{}}'])("%s is empty", (source) => {
    expect(entries(parsed(source), "a", 0)).toEqual([]);
  });

  it("has __proto__ as an ordinary name", () => {
    expect(entries(parsed('{"a":{"__proto__":1}}'), "a", 1)).toEqual([["__proto__", 1]]);
  });

  it("too large: TOO_MANY", () => {
    expect(outcome(() => entries({ a: { b: 1, c: 2 } }, "a", 1))).toBe("TOO_MANY");
  });

  it.each([true, 0, "", "x", []])("%j is none: BAD_SHAPE", (value) => {
    expect(outcome(() => entries({ a: value } as JsonObject, "a", 9))).toBe("BAD_SHAPE");
  });
});

describe("a version", () => {
  it.each([1, 2, 2_147_483_647])("%d", (value) => {
    expect(version({ version: value })).toBe(value);
  });

  it.each([0, -1, 2_147_483_648, 9_007_199_254_740_991])("%d: BAD_VERSION", (value) => {
    expect(outcome(() => version({ version: value }))).toBe("BAD_VERSION");
  });

  it.each([undefined, null, "1", true, [], {}])("%j: BAD_SHAPE", (value) => {
    expect(outcome(() => version({ version: value } as JsonObject))).toBe("BAD_SHAPE");
  });
});

describe("a threshold (V3)", () => {
  it.each([1, 2, 2_147_483_647])("%d", (value) => {
    expect(threshold({ threshold: value }, "root")).toBe(value);
  });

  it.each([0, -1, 2_147_483_648, undefined, null, "1", true, [], {}])("%j: BAD_THRESHOLD", (value) => {
    expect(outcome(() => threshold({ threshold: value } as JsonObject, "root"))).toBe("BAD_THRESHOLD");
  });
});

describe("a length", () => {
  it.each([0, 1, 9_007_199_254_740_991])("%d", (value) => {
    expect(length({ length: value })).toBe(value);
  });

  it.each([-1, null, "1", true, [], {}])("%j: BAD_SHAPE", (value) => {
    expect(outcome(() => length({ length: value } as JsonObject))).toBe("BAD_SHAPE");
  });
});
