/** What an import says at its end: a table or a document, and how it ends. */
import { setImmediate } from "node:timers/promises";
import { DestinationError, SourceError, TimeLimitError } from "../../moving/errors.ts";
import type { Outcome, Report } from "../../moving/report.ts";
import { exitCodes } from "../exit-codes.ts";
import { type CliContext, formatRow, printable, printLine, widthsOf } from "../output.ts";
import type { Publishing } from "../publishing/tools.ts";

/** Gone through more than once. */
export type Reports = Iterable<Report>;

/** What became of a repository, in words. */
export type Words = Readonly<Record<Outcome, string>>;

export const wordsOfImport: Words = {
  taken: "taken over",
  further: "brought further",
  same: "nothing missing",
  wouldBeTaken: "would be taken over",
  absent: "not at the source",
  leftOut: "LEFT OUT",
};

interface Ending {
  readonly origin: string;
  /** The server that takes over; undefined: it ended before it was known. */
  readonly destination: string | undefined;
  readonly dryRun: boolean;
  readonly json: boolean;
  /** Why it ended before all was done. */
  readonly cutOff?: unknown;
}

/** Says it, and how the command ends unless an error ends it. */
export async function endImport(
  { context, finish }: Publishing,
  reports: Reports,
  { origin, destination, dryRun, json, cutOff }: Ending,
): Promise<void> {
  if (json)
    await printReports(
      context,
      { format: "vidimus-import-report/1", origin, destination, dryRun, ...cutOffOf(cutOff) },
      reports,
    );
  else {
    await printTable(context, reports, wordsOfImport, "There is nothing to be taken over.");
    const { size, lines } = next(reports);
    const server = destination === undefined || size === 0 ? [] : [`The new server is ${destination}.`];
    const rest = [...server, ...(!dryRun ? lines : size > 0 ? ["Nothing was brought."] : [])];
    if (rest.length > 0) printLine(context, rest.join("\n"));
  }
  let [count, isWhole, isConflict] = [0, true, false];
  for (const { outcome, findings } of reports) {
    count++;
    if (outcome === "leftOut" || outcome === "absent" || findings.length > 0) isWhole = false;
    if (findings.some(({ code }) => code === "IMPORT_CONFLICT")) isConflict = true;
  }
  if (count === 1 && isConflict) finish(exitCodes.importConflict.code);
  else if (!isWhole) finish(exitCodes.importInPart.code);
  else if (count === 0) finish(exitCodes.importNothing.code);
}

function cutOffOf(error: unknown): object {
  const isKnown =
    error instanceof SourceError || error instanceof DestinationError || error instanceof TimeLimitError;
  return isKnown ? { cutOff: { code: error.code, sentence: error.message } } : {};
}

/** One document, a repository a line, in pieces: of a hundred thousand it would be large three times in memory. */
async function printReports(context: CliContext, head: object, reports: Reports): Promise<void> {
  let before = `${JSON.stringify(head).slice(0, -1)},"repositories":[\n`;
  const write = inPieces(context);
  for (const report of reports) {
    await write(`${before}${JSON.stringify(report)}`);
    before = ",\n";
  }
  await write(before === ",\n" ? "\n]}\n" : `${before}]}\n`);
  await write.end();
}

const inOnePiece = 1_000;

interface Writing {
  (text: string): Promise<void>;
  end(): Promise<void>;
}

/** What was written is let go of after each piece, and not at the end of all. */
function inPieces({ stdout }: CliContext): Writing {
  let piece: string[] = [];
  const end = async () => {
    if (piece.length > 0) stdout(piece.join(""));
    piece = [];
    await setImmediate();
  };
  const write = async (text: string): Promise<void> => {
    piece.push(text);
    if (piece.length === inOnePiece) await end();
  };
  return Object.assign(write, { end });
}

/** Names that stand in a sentence. */
const mostNamed = 10;

/** A line for each repository, and one for each finding and note. */
export async function printTable(
  context: CliContext,
  reports: Reports,
  words: Words,
  nothing: string,
): Promise<void> {
  const rowOf = ({ repository, outcome, roots: [first, last], files, past, remarks }: Report) => [
    printable(repository),
    words[outcome],
    last === 0 ? "" : first === last ? String(last) : `${first} to ${last}`,
    files === 0 ? "" : String(files),
    String(past),
    remarks.map(({ code, role }) => `${printable(role)} ${code.toLowerCase()}`).join(", "),
  ];
  const head = ["REPOSITORY", "", "ROOTS", "FILES", "OLDER", "REMARKS"];
  const rows = function* () {
    yield head;
    for (const report of reports) yield rowOf(report);
  };
  const widths = widthsOf(rows());
  const write = inPieces(context);
  let count = 0;
  for (const row of rows()) {
    // A head without anything below it says nothing.
    if (count++ === 0) continue;
    if (count === 2) await write(`${formatRow(head, widths)}\n`);
    await write(`${formatRow(row, widths)}\n`);
  }
  if (count === 1) await write(`${nothing}\n`);
  for (const { repository, findings, notes } of reports) {
    for (const { code, sentence } of findings)
      await write(`${printable(repository)}: ${code}: ${printable(sentence)}\n`);
    for (const note of notes) await write(`${printable(repository)}: ${printable(note)}\n`);
  }
  await write.end();
}

/** What is left to be done, by whom and until when. */
function next(reports: Reports): { readonly size: number; readonly lines: readonly string[] } {
  const here: ReadonlySet<Outcome> = new Set(["taken", "further", "same"]);
  let [size, waiting] = [0, 0];
  let first: { readonly repository: string; readonly until: string }[] = [];
  for (const { repository, outcome, adopted, timestampExpires = "" } of reports) {
    size++;
    if (!here.has(outcome) || adopted) continue;
    waiting++;
    first.push({ repository, until: timestampExpires.slice(0, 10) });
    if (first.length > 2 * mostNamed) first = soonest(first);
  }
  if (waiting === 0) return { size, lines: [] };
  const named = soonest(first).map(
    ({ repository, until }) =>
      `  vidimus adopt ${printable(repository)}   (its timestamp is good until ${until})`,
  );
  const lines = [
    "",
    "These are served as they are, and clients refuse them once their timestamps have ended; nothing can be published to them before",
    "the online keys of the old signer are here (vidimus import keys), or the owner of each signs a root with this server's keys:",
    ...named,
    ...(waiting > mostNamed ? [`  and ${waiting - mostNamed} more`] : []),
    "Compare the keys of their roots, which --json names, with what their owners say; vidimus key import says whose key is where.",
  ];
  return { size, lines };
}

function soonest<T extends { readonly until: string }>(of: readonly T[]): T[] {
  return [...of].sort((a, b) => (a.until < b.until ? -1 : 1)).slice(0, mostNamed);
}
