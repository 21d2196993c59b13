import { describe, expect, test } from "vitest";
import { sizeFindings } from "../../tools/file-size.ts";
import { readModule } from "../../tools/modules.ts";

const findings = (first: string, lines: number) => {
  const text = `${first}\n${"code;\n".repeat(lines - first.split("\n").length)}`;
  return sizeFindings(new Map([["src/planted.ts", readModule("src/planted.ts", text)]]));
};

const withoutReason = "/** Reads. */";
const withReason = "/**\n * Reads.\n * All of it in one\n * file, because it is one grammar.\n */";

describe("length of files", () => {
  test("300 lines need no reason", () => {
    expect(findings(withoutReason, 300)).toEqual([]);
  });

  test("301 lines need one", () => {
    expect(findings(withoutReason, 301)).toEqual([
      "src/planted.ts: 301 lines; above 300 the first comment says why it is in one file",
    ]);
  });

  test("a reason in the first comment is enough up to 500 lines", () => {
    expect(findings(withReason, 500)).toEqual([]);
  });

  test("a reason after a line for the shell counts", () => {
    expect(findings(`#!/usr/bin/env node\n${withReason}`, 400)).toEqual([]);
  });

  test("a reason in lines of comment counts", () => {
    expect(findings("// In one file, because it is one grammar.", 400)).toEqual([]);
  });

  test("a reason in a later comment does not count", () => {
    expect(findings(`import "a";\n${withReason}`, 400)).toHaveLength(1);
  });

  test("501 lines are refused, with a reason or without", () => {
    expect(findings(withReason, 501)).toEqual(["src/planted.ts: 501 lines; above 500 a file is split"]);
  });

  test("a data table may be as long as it is", () => {
    expect(findings("/** A data table: all the names. */", 900)).toEqual([]);
  });
});
