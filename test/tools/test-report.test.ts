import { describe, expect, test } from "vitest";
import { allowedSkips, count } from "../../tools/test-report.ts";

const nothingAllowed = new Set<string>();

function report(...tests: readonly (readonly [fullName: string, status: string])[]) {
  const assertionResults = tests.map(([fullName, status]) => ({ fullName, status }));
  const status = tests.some(([, each]) => each === "failed") ? "failed" : "passed";
  return { testResults: [{ name: "a.test.ts", status, assertionResults }] };
}

describe("count", () => {
  test("adds up what passed and what failed", () => {
    const totals = count(report(["a", "passed"], ["b", "failed"], ["c", "passed"]), nothingAllowed);
    expect(totals).toEqual({ passed: 2, failed: 1, lines: ["failed: b"] });
  });

  test.each(["skipped", "pending", "todo"])("a test left out as %s is a failure", (status) => {
    const totals = count(report(["a", "passed"], ["b", status]), nothingAllowed);
    expect(totals).toEqual({ passed: 1, failed: 1, lines: ["skipped without leave: b"] });
  });

  test("a skip that the page allows is neither passed nor failed", () => {
    const totals = count(report(["a", "passed"], ["b", "skipped"]), new Set(["b"]));
    expect(totals).toEqual({ passed: 1, failed: 0, lines: ["skipped, as docs/testing.md allows: b"] });
  });

  test("a file that could not be loaded is one failure", () => {
    const broken = { testResults: [{ name: "a.test.ts", status: "failed", assertionResults: [] }] };
    expect(count(broken, nothingAllowed)).toEqual({
      passed: 0,
      failed: 1,
      lines: ["failed file: a.test.ts"],
    });
  });

  test("something else than a report is refused", () => {
    expect(() => count({ tests: [] }, nothingAllowed)).toThrow("testResults");
  });
});

describe("allowedSkips", () => {
  const page = (rows: string) =>
    `# Testing\n\n## Allowed skips\n\n${rows}\n\n## Next\n\n| \`later\` | no |\n`;

  test("takes the first cell of each row of the section and of no other", () => {
    const rows = "| test | reason |\n|---|---|\n| `one two` | no socket there |";
    expect(allowedSkips(page(rows))).toEqual(new Set(["one two"]));
  });

  test("takes cells that are padded to the width of their column", () => {
    const rows = "| `a longer one` | no socket there |\n| `one`          | likewise        |";
    expect(allowedSkips(page(rows))).toEqual(new Set(["a longer one", "one"]));
  });

  test("is empty when the section has no rows", () => {
    expect(allowedSkips(page("None."))).toEqual(new Set());
  });

  test("reads a section at the end of the page", () => {
    expect(allowedSkips("## Allowed skips\n\n| `one` | reason |\n")).toEqual(new Set(["one"]));
  });

  test("a row without a reason is refused", () => {
    expect(() => allowedSkips(page("| `one` |  |"))).toThrow("without a reason");
  });

  test("a page without the section is refused", () => {
    expect(() => allowedSkips("# Testing\n")).toThrow("no section");
  });
});
