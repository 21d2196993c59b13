import { describe, expect, it } from "vitest";
import { formatTable, formatWithCommands, wrap } from "../../../src/client/cli/table.ts";

it("columns are as wide as their widest cell", () => {
  const rows = [
    ["a", "bb", "c"],
    ["aaa", "b", ""],
  ];
  expect(formatTable(rows, 80)).toBe("a    bb  c\naaa  b");
});

it("words are wrapped so that the whole fits", () => {
  const text = "one two three four five six seven eight nine ten";
  const table = formatTable(
    [
      ["head", "text"],
      ["x", text],
    ],
    40,
  );
  for (const line of table.split("\n")) expect(line.length).toBeLessThanOrEqual(40);
  expect(table.replaceAll(/\s+/g, " ")).toBe(`head text x ${text}`);
});

it("several wide columns share the page", () => {
  const wide = "word ".repeat(40).trim();
  for (const line of formatTable([[wide, wide, wide]], 72).split("\n"))
    expect(line.length).toBeLessThanOrEqual(72);
});

it("what is longer than a line is cut, and nothing is lost", () => {
  expect(wrap("abcdefgh ij", 3)).toEqual(["abc", "def", "gh", "ij"]);
  expect(wrap("", 3)).toEqual([""]);
});

it("words that are no longer than a fair part of the page are not broken", () => {
  const text = "some words and then [REPOSITORY_REPLACED] and more of them";
  const table = formatTable([["registry.example.test/acme", text, text]], 80);
  expect(table.match(/\[REPOSITORY_REPLACED\]/g)).toHaveLength(2);
  for (const line of table.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
});

it("longer ones are cut behind a slash or the like", () => {
  expect(wrap("registry.example.test/acme/kernel:6.6", 24)).toEqual([
    "registry.example.test/",
    "acme/kernel:6.6",
  ]);
  expect(wrap("a/bcdefghijkl", 6)).toEqual(["a/bcde", "fghijk", "l"]);
});

it("key IDs and digests are not cut", () => {
  const digest = `sha256:${"a1".repeat(32)}`;
  const text = "a few words that can be wrapped somewhere";
  for (const columns of [40, 80, 100, 120]) {
    const table = formatTable([[text, `it is ${digest}, so`, text]], columns);
    expect(table).toContain(`${digest},`);
    if (columns > 110) for (const line of table.split("\n")) expect(line.length).toBeLessThanOrEqual(columns);
  }
});

it("control characters are not shown", () => {
  expect(formatTable([["a\u001b[2Jb\u0085\u0000"]], 80)).toBe("a?[2Jb??");
});

it("nothing is nothing", () => {
  expect(formatTable([], 80)).toBe("");
});

it("commands at the end of a cell stand below, each once and on one line", () => {
  const [one, two] = ["add a --key 1", "add b"].map((each) => `vidimus-client pin ${each}`);
  const rows = [
    ["a", `No pin. Run: ${one} [NO_PIN]`, "you"],
    ["b", "No rule. [NO_RULE]", `policy owner: Add it: ${two}`],
    ["c", `No pin. Run: ${one} [NO_PIN]`, "vidimus-client in the midst"],
  ];
  const table = formatWithCommands(rows, 200);
  expect(table.split("\n").slice(3)).toEqual(["", "(1)", one, "", "(2)", two]);
  expect(table.match(/Run: see \(1\) below \[NO_PIN\]/g)).toHaveLength(2);
  expect(table).toContain("Add it: see (2) below");
  expect(formatWithCommands(rows, 40).split("\n")).toEqual(expect.arrayContaining([one, two]));
});

describe("a table that digests leave no room in", () => {
  const [one, two] = ["a1", "b2"].map((each) => `sha256:${each.repeat(32)}`) as [string, string];
  const name = "registry.example.test/acme/kernel:6.6";

  it("has its rows below one another, and a name that is repeated once", () => {
    const rows = [
      ["moved", "from", "to"],
      [name, one, two],
      [name, two, one],
      ["other:1", one, two],
    ];
    const lines = [
      ...[name, `  from: ${one}`, `  to: ${two}`, `  from: ${two}`, `  to: ${one}`],
      ...["other:1", `  from: ${one}`, `  to: ${two}`],
    ];
    for (const columns of [80, 120]) expect(formatTable(rows, columns).split("\n")).toEqual(lines);
    expect(formatTable(rows, 200).split("\n")[1]).toBe(`${name}  ${one}  ${two}`);
  });

  it.each([80, 120])("fits %i columns, with every word and every digest whole", (columns) => {
    const text = "a few words that can be wrapped somewhere, for there are enough of them to fill a line";
    const wrong = `${text}: it is ${one}, and not ${two}. [DIGEST_MISMATCH]`;
    const table = formatTable(
      [
        ["image", "what is wrong", "who has to do what"],
        [`${name}@${one} (linuxkit.yml:3, kernel)`, wrong, text],
      ],
      columns,
    );
    for (const line of table.split("\n")) expect(line.length).toBeLessThanOrEqual(columns);
    for (const part of [`${one},`, `${two}.`, "[DIGEST_MISMATCH]", "what is wrong:"])
      expect(table).toContain(part);
    expect(table.replaceAll(/\s+/g, " ")).toContain(text);
  });

  it("has a column without a head in the name", () => {
    const rows = [
      ["", "subject", "what", "what to do"],
      ["fault", "pins of a", `not ${one} but ${two}`, `Compare ${one} and ${two}`],
      ["ok", "cache", "it is there", ""],
    ];
    expect(formatTable(rows, 80).split("\n")).toEqual([
      "fault  pins of a",
      `  what: not`,
      `    ${one} but`,
      `    ${two}`,
      "  what to do: Compare",
      `    ${one} and`,
      `    ${two}`,
      "ok  cache",
      "  what: it is there",
    ]);
  });
});
