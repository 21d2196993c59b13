/** What an export says at its end, and the exit code of it. */
import type { Finding, Report } from "../../moving/report.ts";
import { exitCodes } from "../exit-codes.ts";
import { printable, printJson, printLine } from "../output.ts";
import type { Publishing } from "../publishing/tools.ts";
import { printTable, type Words } from "./import-report.ts";

export function cannotGo({ outcome }: Report): boolean {
  return outcome === "leftOut" || outcome === "absent";
}

export const wordsOfExport: Words = {
  taken: "brought",
  further: "brought further",
  same: "nothing missing",
  wouldBeTaken: "would be brought",
  absent: "not on this server",
  leftOut: "CANNOT GO BACK",
};

export interface Ending {
  readonly place: string;
  readonly dryRun: boolean;
  readonly json: boolean;
  readonly notes: ReadonlyMap<string, Finding>;
  readonly isRefused: boolean;
}

export async function endExport(
  { context, finish }: Publishing,
  reports: readonly Report[],
  { place, dryRun, json, notes, isRefused }: Ending,
): Promise<void> {
  const gone = [...notes].filter(([name]) =>
    reports.some((each) => each.repository === name && !cannotGo(each)),
  );
  if (json) {
    printJson(context, {
      format: "vidimus-export-report/1",
      place,
      dryRun,
      repositories: reports.map((report) => ({
        ...report,
        notes: gone.flatMap(([name, note]) => (name === report.repository ? [note] : [])),
      })),
    });
  } else {
    await printTable(context, reports, wordsOfExport, "There is nothing to be brought.");
    for (const [, { sentence }] of gone.sort(([a], [b]) => (a < b ? -1 : 1)))
      printLine(context, printable(sentence));
    if (isRefused) {
      printLine(
        context,
        "Nothing was written. To bring the others without those that cannot go: --leave-out.",
      );
    }
  }
  if (reports.some((report) => cannotGo(report) || report.findings.length > 0))
    finish(exitCodes.exportInPart.code);
  else if (reports.length === 0) finish(exitCodes.exportNothing.code);
}
