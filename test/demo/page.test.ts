import { describe, expect, it } from "vitest";
import { Page, styleFor } from "../../demo/page.ts";

const plain = { colour: false, unicode: false };

describe("styleFor", () => {
  it.each([
    [false, { LANG: "C" }, plain],
    [false, { LANG: "en_GB.UTF-8" }, { colour: false, unicode: true }],
    [true, { LANG: "C", TERM: "xterm" }, { colour: true, unicode: false }],
    [true, { LC_ALL: "C", LANG: "en_GB.UTF-8", NO_COLOR: "1" }, plain],
    [true, { LANG: "en_GB.UTF-8", TERM: "dumb" }, plain],
  ])("terminal %s with %o", (isTerminal, env, expected) => {
    expect(styleFor(isTerminal, env)).toEqual(expected);
  });
});

describe("Page", () => {
  it("aligns columns by what is seen, whatever the colours", () => {
    const rows = (page: Page) =>
      page.table([
        ["a", "bb"],
        [page.mark(true), "x"],
        ["long", "y"],
      ]);
    const coloured = rows(new Page({ colour: true, unicode: false }));
    expect(rows(new Page(plain))).toBe("  a     bb\n  ok    x\n  long  y");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control sequences
    expect(coloured.replace(/\x1b\[\d+m/g, "")).toBe("  a     bb\n  ok    x\n  long  y");
    expect(coloured).toContain("\x1b[32m");
  });

  it.each([
    ["sha256:abcdef", 8, "sha256.."],
    ["short", 8, "short"],
  ])("shortens %s to %i", (text, width, expected) => {
    expect(new Page(plain).short(text, width)).toBe(expected);
  });
});
