import { describe, expect, it } from "vitest";
import { canonicalBytes } from "../../src/core/canonical.ts";
import { isObject, type Json, type JsonObject, member, parseJson } from "../../src/core/json.ts";
import { maxContainers, maxDepth, maxMembers } from "../../src/core/limits.ts";
import { outcome } from "../support/refusals.ts";

const strict = { controlCharacters: false };
const read = (text: string) => parseJson(Buffer.from(text), strict);
const code = (text: string | Buffer, rules = strict) => outcome(() => parseJson(Buffer.from(text), rules));

describe("text that is not one JSON value", () => {
  it.each([
    "",
    " ",
    "{",
    "}",
    "[",
    "[1",
    "[1,",
    "[1,]",
    "[,1]",
    "[1 2]",
    '{"a"',
    '{"a":',
    '{"a":1',
    '{"a":1,',
    '{"a":1,}',
    '{"a" 1}',
    "{a:1}",
    "{'a':1}",
    "{1:1}",
    '{"a":}',
    '"',
    '"a',
    '"\\',
    '"\\"',
    '"\\x"',
    '"\\u12"',
    '"\\u12g4"',
    '"\\U0041"',
    "tru",
    "True",
    "nul",
    "falsy",
    "NaN",
    "Infinity",
    "undefined",
    "+1",
    "01",
    "-01",
    "-",
    "--1",
    "0x10",
    "1_000",
    "1 2",
    "{} {}",
    "{}x",
    "{} ",
    "{}\n",
    "{}\0",
    "null\v",
    "\f1",
    "\u00a01",
    "\ufeff{}",
    "/* no */ 1",
    '"raw\nline"',
    '"raw\0nul"',
  ])("%j is NOT_JSON", (text) => {
    expect(code(text)).toBe("NOT_JSON");
  });

  it("takes white space before every token", () => {
    expect(read(' \t\r\n{ "a" : [ 1 , 2 ] , "b" : { } , "c" : [ ] }').value).toEqual({
      a: [1, 2],
      b: {},
      c: [],
    });
  });
});

describe("bytes that are not UTF-8", () => {
  it.each([
    ["a stray continuation", [0x22, 0x80, 0x22]],
    ["an overlong slash", [0x22, 0xc0, 0xaf, 0x22]],
    ["an encoded surrogate", [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ["a code point beyond Unicode", [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22]],
    ["a cut sequence", [0x22, 0xe2, 0x82, 0x22]],
    ["UTF-16", [0xff, 0xfe, 0x31, 0x00]],
  ])("%s is NOT_UTF8", (_, bytes) => {
    expect(code(Buffer.from(bytes))).toBe("NOT_UTF8");
  });
});

describe("numbers", () => {
  it.each(["1.0", "1.5", "1e2", "1E2", "1e400", "-1.0", "0.0", "-0", "-0.0"])("%s is BAD_NUMBER", (text) => {
    expect(code(text)).toBe("BAD_NUMBER");
  });

  it.each(["9007199254740992", "9007199254740993", "-9007199254740992", "9223372036854775808"])(
    "%s, which JavaScript cannot tell from its neighbour, is BAD_NUMBER",
    (text) => {
      expect(code(text)).toBe("BAD_NUMBER");
    },
  );

  it("five million digits are BAD_NUMBER", () => {
    expect(code("9".repeat(5_000_000))).toBe("BAD_NUMBER");
  });

  it.each([
    0, 1, -1, 10, 2_147_483_648, 999_999_999_999_999, 1_000_000_000_000_000, 9_007_199_254_740_991,
    -9_007_199_254_740_991,
  ])("%d is read", (n) => {
    expect(read(String(n)).value).toBe(n);
  });
});

describe("strings", () => {
  it.each([
    '"\\ud800"',
    '"\\udc00"',
    '"\\ud800x"',
    '"\\ud800\\u0041"',
    '"\\ud800\\ud800"',
    '"\\udc00\\ud800"',
  ])("half a surrogate pair in %s is BAD_STRING", (text) => {
    expect(code(text)).toBe("BAD_STRING");
  });

  it("reads a whole pair", () => {
    expect(read('"\\ud83d\\uDE00"').value).toBe("😀");
  });

  it.each(['"\\n"', '"\\r"', '"\\t"', '"\\b"', '"\\f"', '"\\u0000"', '"\\u001f"', '{"a\\n":1}'])(
    "the control character in %s is BAD_STRING where the format has none",
    (text) => {
      expect(code(text)).toBe("BAD_STRING");
    },
  );

  it("a control character is read where the format has it", () => {
    expect(parseJson(Buffer.from('"a\\nb"'), { controlCharacters: true }).value).toBe("a\nb");
  });

  it.each(['"\\/"', '"\\u0041"', '"\\u007f"', '"\\u2028"', '"\u2028"', '"\u007f"', '"\\"\\\\"'])(
    "%s is read as JSON.parse reads it",
    (text) => {
      expect(read(text).value).toBe(JSON.parse(text));
    },
  );
});

describe("members", () => {
  it.each([
    ["side by side", '{"a":1,"a":1}'],
    ["apart and unsorted", '{"b":1,"a":2,"c":3,"b":4}'],
    ["apart after sorted names", '{"a":1,"b":2,"c":3,"a":4}'],
    ["deep inside", '{"x":[{"y":{"z":1,"z":2}}]}'],
    ["written with an escape", '{"a":1,"\\u0061":2}'],
    ["written with an escape, apart", '{"\\u0062":1,"a":2,"b":3}'],
    ["escaped slash", '{"a/b":1,"a\\/b":2}'],
    ["astral, escaped", '{"😀":1,"\\ud83d\\ude00":2}'],
    ["empty", '{"":1,"":2}'],
    ["__proto__", '{"__proto__":1,"a":0,"__proto__":2}'],
  ])("twice, %s: DUPLICATE_MEMBER", (_, text) => {
    expect(code(text)).toBe("DUPLICATE_MEMBER");
  });

  it.each(['{"a":{"a":1},"b":{"a":1}}', '[{"a":1},{"a":1}]', '{"a":1,"A":1}', '{"\u00e9":1,"e\u0301":2}'])(
    "%s has no member twice",
    (text) => {
      expect(code(text)).toBe("accepted");
    },
  );

  it.each(["__proto__", "constructor", "toString", "hasOwnProperty"])("%s is an ordinary name", (name) => {
    const { value, spans } = read(`{"${name}":{"threshold":0}}`);
    expect(member(value as JsonObject, name)).toEqual({ threshold: 0 });
    expect(spans.has(name)).toBe(true);
    expect(({} as Record<string, unknown>).threshold).toBeUndefined();
  });

  it.each(["__proto__", "constructor", "toString"])("%s is not inherited", (name) => {
    expect(member(read("{}").value as JsonObject, name)).toBeUndefined();
  });

  it("an array is no object", () => {
    expect([isObject([]), isObject(null), isObject(undefined), isObject("x"), isObject({})]).toEqual([
      false,
      false,
      false,
      false,
      true,
    ]);
  });
});

describe("depth", () => {
  const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

  it("takes the deepest allowed", () => {
    expect(code(nested(maxDepth))).toBe("accepted");
  });

  it("one level more is TOO_DEEP", () => {
    expect(code(nested(maxDepth + 1))).toBe("TOO_DEEP");
  });

  it("counts objects and arrays alike", () => {
    expect(code('{"a":['.repeat(17))).toBe("TOO_DEEP");
  });

  it("counts open levels only", () => {
    expect(code(`[${Array(1_000).fill("[]").join(",")}]`)).toBe("accepted");
  });

  it("a megabyte of brackets is TOO_DEEP", () => {
    expect(code("[".repeat(1_000_000))).toBe("TOO_DEEP");
  });
});

describe("counts", () => {
  const many = (count: number, each: (at: number) => string) =>
    Array.from({ length: count }, (_, at) => each(at)).join(",");

  it("takes as many objects and arrays as are allowed, and refuses one more as TOO_MANY", () => {
    // The outermost array is one of them.
    expect(code(`[${many(maxContainers - 1, (at) => (at % 2 === 0 ? "[]" : "{}"))}]`)).toBe("accepted");
    expect(code(`[${many(maxContainers, (at) => (at % 2 === 0 ? "[]" : "{}"))}]`)).toBe("TOO_MANY");
  });

  it("takes as many members as are allowed, in all objects together, and refuses one more as TOO_MANY", () => {
    const object = (members: number) => `{${many(members, (at) => `"k${at}":1`)}}`;
    const half = object(maxMembers / 2);
    expect(code(`[${half},${half}]`)).toBe("accepted");
    expect(code(`[${half},${half},{"one more":1}]`)).toBe("TOO_MANY");
  });
});

describe("spans", () => {
  it("hold the bytes of each top-level value, and of no other", () => {
    const text = '{ "é" : {"b":[1]} , "\\u0061": "x","n":12 }';
    const { spans } = read(text);
    const slices = [...spans].map(([name, { start, end }]) => [
      name,
      Buffer.from(text).toString("utf8", start, end),
    ]);
    expect(slices).toEqual([
      ["é", '{"b":[1]}'],
      ["a", '"x"'],
      ["n", "12"],
    ]);
  });

  it("are absent where the value is no object", () => {
    expect([read('[{"a":1}]').spans.size, read('"a"').spans.size]).toEqual([0, 0]);
  });

  it.each([
    ['{"a":[1,"x",null,true,false,{}],"b":{}}', true],
    ['"\\"\\\\"', true],
    ['{"":0,"a":1,"aa":2,"b":3}', true],
    ['{"a":1,"é":2,"\ufb01":3,"😀":4}', true],
    ['{"\\\\":1,"a":2}', true],
    ['"<>&\u2028\u007f"', true],
    ['{"b":1,"a":2}', false],
    ['{"aa":1,"a":2}', false],
    ['{"😀":1,"\ufb01":2}', false],
    ['{"a":{"d":1,"c":2}}', false],
    ["[1, 2]", false],
    ['{"a": 1}', false],
    ['[{"x":{} }]', false],
    ['"\\u003c"', false],
    ['"\\/"', false],
    ['{"\\u0061":1}', false],
    // Sorted as written, not as it reads: \u0062 is "b", and the backslash of the second comes after "a".
    ['{"a\\\\":1,"a\\"":2}', false],
  ])("%s canonical: %s", (value, expected) => {
    const { value: parsed, spans } = read(`{"signed":${value}}`);
    const span = spans.get("signed") ?? expect.unreachable();
    expect(span.canonical).toBe(expected);
    expect(canonicalBytes((parsed as JsonObject).signed as Json).equals(Buffer.from(value))).toBe(expected);
  });

  it("white space around a value leaves it canonical", () => {
    expect(read('{ "signed" : {"a":1} }').spans.get("signed")?.canonical).toBe(true);
  });

  it("one member's layout says nothing of the next", () => {
    const { spans } = read('{"a":{"y":1,"x":2},"b":{"x":1}}');
    expect([spans.get("a")?.canonical, spans.get("b")?.canonical]).toEqual([false, true]);
  });
});

it("reads from the middle of a larger buffer", () => {
  const bytes = Buffer.from('xx{"é":"a","b":[1]}yy').subarray(2, -2);
  expect(parseJson(bytes, strict).value).toEqual({ é: "a", b: [1] });
});
