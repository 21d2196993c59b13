/** An answer as a document, as CSV (RFC 4180), or as text. */
import { csvText, type FormFlags } from "../forms.ts";
import { type CliContext, formatTable, printJson, printLine } from "../output.ts";

export type Cell = string | number | boolean | null | readonly string[];
export type Line = Readonly<Record<string, Cell>>;

export interface Columns {
  /** Of the text, in their order. */
  readonly columns: readonly string[];
  /** Of CSV, where no line tells them: all that the server says of one. */
  readonly fields: readonly string[];
}

/** Documents and CSV have all that the server says. */
export function printLines(
  context: CliContext,
  { json, csv }: FormFlags,
  lines: readonly Line[],
  { columns, fields }: Columns,
  document: object,
  nothing: string,
): void {
  if (json === true) printJson(context, { ...document, lines });
  else if (csv === true) context.stdout(csvOf(lines, fields));
  else if (lines.length === 0) printLine(context, nothing);
  else {
    const rows = lines.map((line) => columns.map((name) => textOf(name, line[name] ?? null)));
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

/** With the names of the first line; of `fields` without a line. */
export function csvOf(lines: readonly Line[], fields: readonly string[]): string {
  const [first] = lines;
  const names = first === undefined ? fields : Object.keys(first);
  return csvText([names, ...lines.map((line) => names.map((name) => csvCell(line[name] ?? null)))]);
}

function csvCell(cell: Cell): string | number {
  if (cell === null) return "";
  return typeof cell === "object" ? cell.join(" ") : typeof cell === "boolean" ? String(cell) : cell;
}
