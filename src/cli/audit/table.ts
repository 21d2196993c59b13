/** An answer as a document, as CSV (RFC 4180), or as text. */
import type { Command } from "commander";
import { type CliContext, formatTable, printable, printJson, printLine } from "../output.ts";

export type Cell = string | number | boolean | null | readonly string[];
export type Line = Readonly<Record<string, Cell>>;

export interface OutputFlags {
  readonly json?: true;
  readonly csv?: true;
}

export function addOutputFlags(command: Command): Command {
  return command.option("--json", "print a document").option("--csv", "print CSV with a line of names");
}

/** `columns`: of the text, in their order; documents and CSV have all that the server says. */
export function printLines(
  context: CliContext,
  { json, csv }: OutputFlags,
  lines: readonly Line[],
  columns: readonly string[],
  document: object,
  nothing: string,
): void {
  if (json === true) printJson(context, { ...document, lines });
  else if (csv === true) context.stdout(csvOf(lines));
  else if (lines.length === 0) printLine(context, nothing);
  else {
    const rows = lines.map((line) => columns.map((name) => printable(textOf(name, line[name] ?? null))));
    printLine(context, formatTable([columns.map(headOf), ...rows]));
  }
}

const shortId = 12;
const isId = /^[0-9a-f]{64}$/;

function textOf(name: string, cell: Cell): string {
  if (cell === null) return "-";
  if (typeof cell === "boolean") return cell ? "yes" : "no";
  if (typeof cell === "number") return `${cell}`;
  if (typeof cell !== "string") return cell.map((each) => textOf(name, each)).join(", ") || "-";
  if (name === "paths") return cell === "" ? "everything" : JSON.stringify(cell);
  return isId.test(cell) ? cell.slice(0, shortId) : cell;
}

/** `publishedAt` becomes PUBLISHED AT. */
function headOf(name: string): string {
  return name.replaceAll(/[A-Z]/g, " $&").toUpperCase();
}

/** Every line ends in CRLF. Nothing without a line. */
export function csvOf(lines: readonly Line[]): string {
  const [first] = lines;
  if (first === undefined) return "";
  const names = Object.keys(first);
  const rows = lines.map((line) => names.map((name) => csvCell(line[name] ?? null)));
  return [names, ...rows].map((row) => `${row.join(",")}\r\n`).join("");
}

function csvCell(cell: Cell): string {
  const text = cell === null ? "" : typeof cell === "object" ? cell.join(" ") : `${cell}`;
  // Programs that show tables take such text for a formula; names come from anybody.
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
