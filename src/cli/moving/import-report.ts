/** What an import says: one line while it runs, a table or a document at its end, and how it ends. */
import type { ClientContext } from "../../client/cli/context.ts";
import type { Outcome, Report } from "../../moving/report.ts";
import { exitCodes } from "../exit-codes.ts";
import { type CliContext, formatTable, printable, printLine } from "../output.ts";
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
  if (json) printReports(context, { format: "vidimus-import-report/1", origin, dryRun }, reports);
  else {
    const rest = !dryRun ? next(reports) : reports.length > 0 ? ["Nothing was brought."] : [];
    printLine(
      context,
      [told(reports, wordsOfImport, "There is nothing to be taken over."), ...rest].join("\n"),
    );
  }
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

/** One document, a repository a line, in pieces: of a hundred thousand it would be large three times in memory. */
function printReports(context: CliContext, head: object, reports: readonly Report[]): void {
  context.stdout(`${JSON.stringify(head).slice(0, -1)},"repositories":[`);
  for (let from = 0; from < reports.length; from += inOnePiece) {
    const piece = reports.slice(from, from + inOnePiece).map((report) => JSON.stringify(report));
    context.stdout(`${from === 0 ? "" : ","}\n${piece.join(",\n")}`);
  }
  printLine(context, "\n]}");
}

const inOnePiece = 1_000;

/** Names that stand in a sentence. */
const mostNamed = 10;

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
  const findings = reports.flatMap(({ repository, findings, notes }) => [
    ...findings.map(({ code, sentence }) => `${printable(repository)}: ${code}: ${printable(sentence)}`),
    ...notes.map((note) => `${printable(repository)}: ${printable(note)}`),
  ]);
  const table = formatTable([["REPOSITORY", "", "ROOTS", "FILES", "OLDER", "REMARKS"], ...rows]);
  return [table, ...findings].join("\n");
}

/** What is left to be done, by whom and until when. */
function next(reports: readonly Report[]): readonly string[] {
  const here: ReadonlySet<Outcome> = new Set(["taken", "further", "same"]);
  const waiting = reports
    .filter(({ outcome, adopted }) => here.has(outcome) && !adopted)
    .map(({ repository, timestampExpires = "" }) => ({ repository, until: timestampExpires.slice(0, 10) }))
    .sort((a, b) => (a.until < b.until ? -1 : 1));
  const [first] = waiting;
  if (first === undefined) return [];
  const named = waiting
    .slice(0, mostNamed)
    .map(
      ({ repository, until }) =>
        `  vidimus adopt ${printable(repository)}   (its timestamp is good until ${until})`,
    );
  return [
    "",
    "These are served as they are, and clients refuse them once their timestamps have ended; nothing can be published to them before",
    "the online keys of the old signer are here (vidimus import keys), or the owner of each signs a root with this server's keys:",
    ...named,
    ...(waiting.length > mostNamed ? [`  and ${waiting.length - mostNamed} more`] : []),
    "Compare the keys of their roots, which --json names, with what their owners say; vidimus key import says whose key is where.",
  ];
}
