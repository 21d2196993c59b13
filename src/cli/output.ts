/**
 * All that a command says and how it ends. Results go to standard output, as text or JSON; problems and logs to
 * standard error. A problem is one sentence; its stack is shown only on request.
 */

import { KeyError } from "../publisher/custody/errors.ts";
import type { ScryptCost } from "../publisher/custody/key-file.ts";
import type { EditError, PublishError } from "../publisher/errors.ts";
import { type ExitName, exitCodes, exitNameOf } from "./exit-codes.ts";

/** The world as a command sees it. */
export interface CliContext {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  /** True if a person reads standard error. */
  readonly isTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly readFile: (path: string) => string;
  /** Asks a person for something that is not shown; undefined where there is nobody to ask. */
  readonly askHidden: ((question: string) => Promise<string>) | undefined;
  /** What locking a key costs, less than is right for real keys. */
  readonly testingOnlyScrypt?: ScryptCost;
  /** In the place of waiting between two questions. */
  readonly testingOnlyPause?: (milliseconds: number) => Promise<void>;
  /** Show stacks. */
  readonly debug: boolean;
  /** Told what a command that takes long is doing. */
  readonly progress?: { readonly tell: (what: string) => void };
  /** True if a person reads standard output. */
  readonly isOutputTerminal?: boolean;
}

export function printLine(context: CliContext, text: string): void {
  context.stdout(`${text}\n`);
}

export function printJson(context: CliContext, value: unknown): void {
  context.stdout(`${jsonText(value, 2)}\n`);
}

/** JSON in which no character is left that a terminal might obey: the same document. */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replaceAll(/[^\P{C}\n]/gu, (character) =>
    [...Array(character.length).keys()]
      .map((unit) => `\\u${character.charCodeAt(unit).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}

/** Names come from a store that may hold anything: a terminal must not obey them. */
export function printable(text: string): string {
  return text.replaceAll(/\p{C}/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** Columns padded to their widest cell, two spaces between them. No cell is more than a line, and no terminal obeys one. */
export function formatTable(given: readonly (readonly string[])[]): string {
  const rows = given.map((row) => row.map(printable));
  const widths = widthsOf(rows);
  return rows.map((row) => formatRow(row, widths)).join("\n");
}

/** How wide the columns of a table are, which may be too long to be held. */
export function widthsOf(rows: Iterable<readonly string[]>): readonly number[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, { length }] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, length);
  }
  return widths;
}

export function formatRow(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((cell, column) => cell.padEnd(widths[column] ?? 0))
    .join("  ")
    .trimEnd();
}

/** Says what went wrong and gives the exit code. */
export function reportError(context: Pick<CliContext, "stderr" | "debug">, error: unknown): number {
  const name = exitNameOf(error);
  context.stderr(`${sentenceOf(error, name)}\n`);
  if (context.debug) context.stderr(`${stackOf(error)}\n`);
  return exitCodes[name].code;
}

/** The same for a program that asked for a document. */
export function reportKeyRefusal(context: CliContext, error: KeyError | EditError | PublishError): number {
  const ending = exitNameOf(error);
  const format = error instanceof KeyError ? "vidimus-key-refusal/1" : "vidimus-publish-refusal/1";
  printJson(context, { format, code: error.code, ending, what: error.message });
  return exitCodes[ending].code;
}

function sentenceOf(error: unknown, name: ExitName): string {
  const message = error instanceof Error ? error.message : String(error);
  return name === "unexpected" ? `Unexpected error: ${message}` : message;
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? error.message;
  return error.cause === undefined ? own : `${own}\ncaused by ${stackOf(error.cause)}`;
}
