import { describe, expect, it } from "vitest";
import { reading } from "./reading.ts";

const { references, refused } = reading("linuxkit");

describe("YAML is refused", () => {
  it.each([
    ["for a key that is there twice", "kernel: {image: a}\nkernel: {image: b}\n", 2],
    ["for a key that is there twice, once in quotes", 'kernel:\n  image: a\n  "image": b\n', 3],
    ["for a duplicate that nobody reads", "files:\n  - {a: 1, a: 2}\n", 2],
    ["for two documents", "init: []\n---\ninit: [a]\n", 2],
    ["for a document behind an end", "init: []\n...\ninit: [a]\n", 3],
    ["for a directive", "%YAML 1.1\n---\ninit: []\n", 1],
    ["for a tab as indentation", "init:\n\t- a\n", 2],
    ["for a NUL", "init: []\n#\0\n", 2],
    ["for a lone carriage return", "# a\rinit: [b]\nfiles: []\n", 1],
    ["for a line separator that ends a comment elsewhere", "# a\u2028init: [b]\nfiles: []\n", 1],
    ["for a next-line character", "# a\u0085init: [b]\nfiles: []\n", 1],
    ["for a byte order mark inside", "files: []\n\uFEFFinit: []\n", 2],
    ["for half a surrogate pair", "files: []\n# \ud800\n", 1],
    ["for a tag on a key", "!!str init: []\n", 1],
    ["for a tag that decodes", "init:\n  - !!binary YQ==\n", 2],
    ["for a tag of its own", "files: !x []\n", 1],
    ["for a set", "files: !!set {a}\n", 1],
    ["for an alias as a key", "files: [&a init]\n*a : []\n", 2],
    ["for a mapping as a key", "{a: b}: []\n", 1],
    ["for a block as a key", "? |\n  init\n: []\n", 1],
    ["for an unknown alias", "init: [*a]\n", 1],
    ["for an alias before its anchor", "init: [*a]\nfiles: [&a b]\n", 1],
    ["for an alias inside of what it names", "files: &a [*a]\n", 1],
    ["for an anchor with odd letters", "files: [&a.b c]\n", 1],
    ["for a merge of a text", "onboot:\n  - <<: a\n    image: b\n", 2],
    ["for a merge key in quotes", 'onboot:\n  - "<<": {image: a}\n', 2],
    ["for two merge keys", "onboot:\n  - <<: {name: a}\n    <<: {image: b}\n", 3],
    ["for a key that begins with a question mark", "kernel: {\n  ?image : a}\n", 2],
    ["for a text that begins with a colon", "init: [\n  :a]\n", 2],
    ["for an error of syntax", "init: [a\n", 2],
    ["for a bad start of a text", "init: [@pkg:a]\n", 1],
  ])("%s", async (_, text, line) => {
    await refused(text, "INPUT_INVALID", line);
  });

  it("when it is too long", async () => {
    await refused(`# ${"a".repeat(1_048_576)}\n`, "INPUT_INVALID", 1);
  });

  it.each([
    ["flow lists", `files: ${"[".repeat(150)}${"]".repeat(150)}\n`],
    ["flow lists that do not end", `files: ${"[".repeat(100_000)}`],
    ["block lists", `files:\n  ${"- ".repeat(100_000)}a\n`],
  ])("when it is nested too deep: %s", async (_, text) => {
    await expect(references(text)).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });

  it("when its aliases stand for too much", async () => {
    const levels = Array.from(
      { length: 9 },
      (_, level) => `  - &l${level + 1} {<<: [${Array(9).fill(`*l${level}`).join(", ")}]}\n`,
    );
    const text = `files:\n  - &l0 {image: a}\n${levels.join("")}onboot:\n  - *l9\n`;
    await expect(references(text)).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });

  it("when it names too many images", async () => {
    await expect(references(`init:\n${"- a\n".repeat(10_001)}`)).rejects.toMatchObject({
      code: "INPUT_INVALID",
    });
  });
});

describe("YAML is read", () => {
  it.each([
    ["with CRLF", "init:\r\n  - a\r\n", ["a"]],
    ["with a byte order mark", "\uFEFFinit:\n  - a\n", ["a"]],
    ["as JSON", '{"init": ["a"], "kernel": {"image": "\\u0062"}}', ["b", "a"]],
    ["with explicit keys", "? init\n: - a\n", ["a"]],
    [
      "with merges of merges, the nearest first",
      "files:\n  - &a {image: a}\n  - &b {<<: *a, name: b}\nonboot:\n  - <<: [*b, {x: y}]\n",
      ["a"],
    ],
    ["with core tags on other values", "files:\n  - mode: !!str 0600\ninit: [a]\n", ["a"]],
    [
      "with keys that are names of JavaScript",
      "files: [{__proto__: {image: b}, constructor: c}]\ninit: [a]\n",
      ["a"],
    ],
  ])("%s", async (_, text, expected) => {
    expect(await references(text)).toEqual(expected);
  });
});
