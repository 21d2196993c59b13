/** What an import did, kept small: nothing is lost, and it comes in the order of the names. */
import { expect, it } from "vitest";
import { nothingOf, type Report } from "../../src/moving/report.ts";
import { ReportLog } from "../../src/moving/report-log.ts";

function reportOf(each: number): Report {
  const repository = `team/${String(each).padStart(6, "0")}`;
  return each % 7 === 0
    ? nothingOf(repository, "absent", [{ code: "NOT_FOUND", sentence: `There is no "${each}"\nhere.` }])
    : { ...nothingOf(repository, "taken"), roots: [1, each], past: each, timestampExpires: "2030-01-01" };
}

it("gives every report back as it was, by name, as often as it is asked", () => {
  const log = new ReportLog();
  expect([...log]).toEqual([]);
  const reports = Array.from({ length: 12_345 }, (_, each) => reportOf(each));
  // Done nearly in order, but for a few that took long.
  const late = (each: number) => (each % 1_000 === 3 ? each + 5_000 : each);
  const order = reports.map((_, each) => each).sort((a, b) => late(a) - late(b));
  for (const each of order) log.add(reportOf(each));
  expect([...log]).toEqual(reports);
  log.add(reportOf(12_345));
  expect([...log].at(-1)).toEqual(reportOf(12_345));
});
