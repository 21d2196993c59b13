/** The forms of an answer besides text: one document, or CSV. One place for what is dangerous in either. */
import type { Command } from "commander";
import { printable } from "./output.ts";

export interface FormFlags {
  readonly json?: true;
  readonly csv?: true;
}

/** `--json` and `--csv`, of which one may be given. */
export function addFormFlags(command: Command, json = "print a document"): Command {
  return command
    .option("--json", json)
    .option("--csv", "print CSV with a line of names")
    .hook("preAction", () => {
      const flags = command.opts<FormFlags>();
      if (flags.json === true && flags.csv === true) command.error("error: give --json or --csv, not both");
    });
}

/**
 * Lines of RFC 4180, each ending in CRLF. What a terminal would obey is spelled out, and what a program that shows tables would
 * take for a formula has an apostrophe before it: names come from anybody.
 */
export function csvText(rows: readonly (readonly (string | number | undefined)[])[]): string {
  return rows.map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");
}

function csvCell(value: string | number | undefined): string {
  const shown = printable(String(value ?? ""));
  // What begins with a tab or line break is spelled out, and begins with it no more.
  const safe = typeof value === "string" && /^[=+\-@]/.test(shown) ? `'${shown}` : shown;
  return /[",]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
