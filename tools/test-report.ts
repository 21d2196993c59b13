/**
 * Counts a vitest JSON report and refuses silent skips.
 *
 *   node tools/test-report.ts docs/testing.md REPORT.json…
 *
 * Standard output: `PASSED FAILED`. A test that did not run counts as failed, unless the section "Allowed
 * skips" of the page names it; a file that could not be loaded counts as one failure. Standard error: one
 * line for each of these. Exit code 0 when the reports could be read, whatever they say.
 */

import { readFileSync } from "node:fs";
import { z } from "zod";

const reportSchema = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })),
    }),
  ),
});

/** What one or more reports come to, with a line for everything that is not simply passed. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly lines: readonly string[];
}

/**
 * The full names of tests that the page allows to be skipped: first cell, in backticks, of each table row in
 * the section "Allowed skips". Every row must give a reason in its second cell.
 *
 * @throws when the page has no such section, or a row names a test without a reason.
 */
export function allowedSkips(page: string): Set<string> {
  const section = /^## Allowed skips\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(page)?.[1];
  if (section === undefined) throw new Error('the page has no section "Allowed skips"');
  const allowed = new Set<string>();
  for (const [, name = "", reason = ""] of section.matchAll(/^\| `([^`]+)` +\|([^|\n]*)\|/gm)) {
    if (reason.trim() === "") throw new Error(`"${name}" may be skipped without a reason`);
    allowed.add(name);
  }
  return allowed;
}

/** Counts one parsed report. @throws when it is not a report. */
export function count(report: unknown, allowed: ReadonlySet<string>): Totals {
  let [passed, failed] = [0, 0];
  const lines: string[] = [];
  for (const file of reportSchema.parse(report).testResults) {
    if (file.status === "failed" && !file.assertionResults.some(({ status }) => status === "failed")) {
      failed += 1;
      lines.push(`failed file: ${file.name}`);
    }
    for (const { fullName, status } of file.assertionResults) {
      if (status === "passed") passed += 1;
      else if (status === "failed") {
        failed += 1;
        lines.push(`failed: ${fullName}`);
      } else if (allowed.has(fullName)) lines.push(`skipped, as docs/testing.md allows: ${fullName}`);
      else {
        failed += 1;
        lines.push(`skipped without leave: ${fullName}`);
      }
    }
  }
  return { passed, failed, lines };
}

if (import.meta.main) {
  const [page, ...reports] = process.argv.slice(2);
  if (page === undefined || reports.length === 0) throw new Error("usage: test-report.ts PAGE REPORT…");
  const allowed = allowedSkips(readFileSync(page, "utf8"));
  let [passed, failed] = [0, 0];
  for (const report of reports) {
    const totals = count(JSON.parse(readFileSync(report, "utf8")), allowed);
    passed += totals.passed;
    failed += totals.failed;
    for (const line of totals.lines) process.stderr.write(`${line}\n`);
  }
  process.stdout.write(`${passed} ${failed}\n`);
}
