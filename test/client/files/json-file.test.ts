import { describe, expect, it } from "vitest";
import { JsonFile, listOf, string, whole } from "../../../src/client/files/json-file.ts";
import { trustErrorOf } from "../../support/fetching.ts";

const read = (text: string) => new JsonFile(text, "some.json", "LOCK_INVALID", "file");

async function lineOf(work: () => unknown): Promise<number | undefined> {
  const error = await trustErrorOf(work);
  expect([error.code, error.file]).toEqual(["LOCK_INVALID", "some.json"]);
  return error.line;
}

describe("the outermost object", () => {
  it("is read strictly, with a line end behind it", () => {
    expect(read('{"a":1}\n').object()).toEqual({ a: 1 });
  });

  it.each([
    ["[1]", 1],
    ["null", 1],
    ["", 1],
    ['{\n"a": 1,\n"b": }\n', 3],
    ['{\n"a": 1\n', 2],
    ['{\n"a": 1,\n"a": 2\n}\n', 4],
    ['{\n"a": 1.5\n}\n', 2],
    ['{\n"a": 1\n}\n{}\n', 3],
  ])("is not %j, which is wrong in line %d", async (text, line) => {
    expect(await lineOf(() => read(text).object())).toBe(line);
  });
});

describe("the line of a fault", () => {
  const text = [
    "{",
    ' "list": [',
    '  { "name": "one", "text": "\\"name\\": {" },',
    '  { "name":',
    "     2 }",
    " ],",
    ' "name" : "three",',
    ' "inner": { "deep": [[{ "name": 4 }]] }',
    "}",
    "",
  ].join("\n");
  const file = read(text);
  const object = file.object() as {
    list: readonly object[];
    inner: { deep: readonly (readonly object[])[] };
  };
  const places: readonly [string, object | undefined, number][] = [
    ["the outermost", object, 7],
    ["the first of a list", object.list[0], 3],
    ["the second of a list", object.list[1], 4],
    ["one deep inside", object.inner.deep[0]?.[0], 8],
  ];

  it.each(places)("is that of the member of %s object", async (_, where, line) => {
    expect(await lineOf(() => file.read(where as never, "name", () => undefined))).toBe(line);
  });

  it("is that of the object if the member is missing", async () => {
    expect(await lineOf(() => file.read(object.list[1] as never, "absent", string))).toBe(4);
    expect(await lineOf(() => file.read(object as never, "absent", string))).toBe(1);
  });

  it("is that of a member whose name is written with escapes", async () => {
    const odd = read('{\n"a": 1,\n"\\u0062": 2\n}\n');
    expect(await lineOf(() => odd.read(odd.object(), "b", string))).toBe(3);
  });

  it("is that of a member nobody knows", async () => {
    const known = ["list", "name", "inner"];
    expect(() => file.only(object as never, known)).not.toThrow();
    expect(await lineOf(() => file.only(object as never, ["list", "inner"]))).toBe(7);
  });
});

describe("names of JavaScript", () => {
  it.each(["__proto__", "constructor", "toString"])(
    "%s is a member only if it is written there",
    async (name) => {
      const without = read("{}");
      expect(await lineOf(() => without.read(without.object(), name, (value) => value))).toBe(1);
      const within = read(`{"${name}":5}`);
      expect(within.read(within.object(), name, whole)).toBe(5);
    },
  );
});

describe("values", () => {
  it("whole numbers from 0 on", () => {
    expect([0, 5, -1, "5", null, undefined].map(whole)).toEqual([
      0,
      5,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("text", () => {
    expect(["", "a", 5, null, undefined].map(string)).toEqual(["", "a", undefined, undefined, undefined]);
  });

  it("lists of no more than so many readable things", () => {
    expect(listOf([1, 2], 2, whole)).toEqual([1, 2]);
    expect(listOf([], 0, whole)).toEqual([]);
    expect(listOf([1, 2, 3], 2, whole)).toBeUndefined();
    expect(listOf([1, "2"], 2, whole)).toBeUndefined();
    expect(listOf({ length: 0 }, 2, whole)).toBeUndefined();
    expect(listOf(undefined, 2, whole)).toBeUndefined();
  });
});
