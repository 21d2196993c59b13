/** Answers as CSV, tables and documents: what is in them is nobody's command. */
import { describe, expect, it } from "vitest";
import { csvText } from "../../src/cli/forms.ts";
import { formatTable, jsonText } from "../../src/cli/output.ts";

/** Escape, CSI in one character, delete, an override of the direction of writing, a tag that nobody sees. */
const dangerous = "a\u{1b}[2J\u{9b}31m\u{7f}\u{202e}\u{e0041}\r\nb";

describe("CSV", () => {
  it("keeps a field one field", () => {
    expect(csvText([['a "b", c', 3, undefined, ""]])).toBe('"a ""b"", c",3,,\r\n');
  });

  it.each(["=1+1", "+1", "-1", "@x"])("has %s as text, and numbers as they are", (text) => {
    expect(csvText([[text, -1]])).toBe(`'${text},-1\r\n`);
  });

  it("has nothing that a terminal obeys, and one line a row", () => {
    expect(csvText([[dangerous], ["\t=1"]])).toBe(
      "a\\u{1b}[2J\\u{9b}31m\\u{7f}\\u{202e}\\u{e0041}\\u{d}\\u{a}b\r\n\\u{9}=1\r\n",
    );
  });
});

describe("a table", () => {
  it("has nothing that a terminal obeys, one line a row, and columns as wide as what is seen", () => {
    const table = formatTable([
      ["NAME", "X"],
      ["\u{1b}\n", "y"],
    ]);
    expect(table).toBe(`NAME${" ".repeat(9)}X\n\\u{1b}\\u{a}  y`);
  });
});

describe("a document", () => {
  it("has nothing that a terminal obeys, and says the same", () => {
    const document = { [dangerous]: [dangerous, 1] };
    expect(jsonText(document, 2)).toMatch(/^[\P{C}\n]*$/u);
    expect(JSON.parse(jsonText(document))).toEqual(document);
  });
});
