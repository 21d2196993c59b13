/** What an import says: one line while it runs, a table or a document at its end, and how it ends. */
import type { ClientContext } from "../../client/cli/context.ts";
import type { Outcome, Report } from "../../moving/report.ts";
import { exitCodes } from "../exit-codes.ts";
import { type CliContext, formatTable, printable, printJson, printLine } from "../output.ts";
import type { Publishing } from "../publishing/tools.ts";

const eraseLine = "\r\u001b[K";

/** On a terminal only. */
export function progressOf(
  { isTerminal, stderr }: CliContext,
  { columns }: ClientContext,
  words: Words = wordsOfImport,
) {
  let shown = false;
  return {
    onDone({ repository, outcome }: Report, done: number): void {
      if (!isTerminal) return;
      stderr(
        `${eraseLine}${`${done} done  ${words[outcome]}  ${printable(repository)}`.slice(0, columns - 1)}`,
      );
      shown = true;
    },
    end(): void {
      if (shown) stderr(eraseLine);
      shown = false;
    },
  };
}

/** What became of a repository, in words. */
export type Words = Readonly<Record<Outcome, string>>;

const wordsOfImport: Words = {
  taken: "taken over",
  further: "brought further",
  same: "nothing missing",
  wouldBeTaken: "would be taken over",
  absent: "not at the source",
  leftOut: "LEFT OUT",
};

interface Ending {
  readonly origin: string;
  readonly dryRun: boolean;
  readonly json: boolean;
}

export function endImport(
  { context, finish }: Publishing,
  reports: readonly Report[],
  { origin, dryRun, json }: Ending,
): void {
  if (json) printJson(context, { format: "vidimus-import-report/1", origin, dryRun, repositories: reports });
  else printLine(context, told(reports, wordsOfImport, "There is nothing to be taken over."));
  const [only] = reports;
  if (reports.length === 1 && only?.findings.some(({ code }) => code === "IMPORT_CONFLICT")) {
    finish(exitCodes.importConflict.code);
  } else if (
    reports.some(
      ({ outcome, findings }) => outcome === "leftOut" || outcome === "absent" || findings.length > 0,
    )
  ) {
    finish(exitCodes.importInPart.code);
  } else if (reports.length === 0) finish(exitCodes.importNothing.code);
}

export function told(reports: readonly Report[], words: Words, nothing: string): string {
  if (reports.length === 0) return nothing;
  const rows = reports.map(({ repository, outcome, roots: [first, last], files, past, remarks }) => [
    printable(repository),
    words[outcome],
    last === 0 ? "" : first === last ? String(last) : `${first} to ${last}`,
    files === 0 ? "" : String(files),
    String(past),
    remarks.map(({ code, role }) => `${printable(role)} ${code.toLowerCase()}`).join(", "),
  ]);
  const findings = reports.flatMap(({ repository, findings }) =>
    findings.map(({ code, sentence }) => `${printable(repository)}: ${code}: ${printable(sentence)}`),
  );
  const table = formatTable([["REPOSITORY", "", "ROOTS", "FILES", "OLDER", "REMARKS"], ...rows]);
  return [table, ...findings].join("\n");
}
