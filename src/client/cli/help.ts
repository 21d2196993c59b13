/**
 * `help [topic]` of `vidimus-client` and of `vidimus`: a command's help, the table of exit codes, of which each has its own,
 * or what a code of a refusal means.
 */
import type { Command } from "commander";
import { malformedCodes, unauthenticCodes } from "../../core/errors.ts";
import { clientCodes, endings, type TrustCode } from "../errors.ts";
import { meaningOf } from "../meanings.ts";
import { rowOf } from "../refusals.ts";
import type { ClientContext } from "./context.ts";
import { unexpectedExit, usageExit } from "./report.ts";
import { formatTable } from "./table.ts";

/** Every code that a command of the client can end with, in the order of their numbers. */
export const clientExitCodes: readonly { readonly code: number; readonly meaning: string }[] = [
  { code: 0, meaning: "done" },
  { code: unexpectedExit, meaning: "an error that should not happen" },
  { code: usageExit, meaning: "unknown command or flag" },
  ...Object.values(endings).map(({ exit, meaning }) => ({ code: exit, meaning })),
];

export function sayClientExitCodes({ stdout, columns }: ClientContext): void {
  const rows = clientExitCodes.map(({ code, meaning }) => [String(code), meaning]);
  stdout(`${formatTable(rows, columns)}\n`);
}

/** Every code of a refusal: those of the client, then those of files that do not verify. */
export const refusalCodes: readonly TrustCode[] = [...clientCodes, ...malformedCodes, ...unauthenticCodes];

/** What a code means and what follows from it, as a table for a person; undefined if there is no such code. */
export function explainCode(text: string, columns: number): string | undefined {
  const code = refusalCodes.find((each) => each === text.toUpperCase());
  if (code === undefined) return undefined;
  const { ending, who, next } = rowOf(code);
  const rows = [
    [code, meaningOf(code)],
    ["who", who],
    ["next", next],
    ["exit code", `${endings[ending].exit} (${ending}: ${endings[ending].meaning})`],
  ];
  return formatTable(rows, columns);
}

/** `sayExitCodes` prints the table of the program. */
export function addHelp(
  program: Command,
  { stdout, columns }: Pick<ClientContext, "stdout" | "columns">,
  sayExitCodes: () => void,
): void {
  program
    .command("help [topic...]")
    .description("explain a command, or a code such as NOT_SIGNED, or: help exit-codes")
    .action((topic: readonly string[]) => {
      if (topic[0] === "exit-codes") {
        sayExitCodes();
        return;
      }
      const explained = topic.length === 1 ? explainCode(topic[0] ?? "", columns) : undefined;
      if (explained !== undefined) {
        stdout(`${explained}\n`);
        return;
      }
      let command = program;
      for (const name of topic) {
        const found = command.commands.find((candidate) => candidate.name() === name);
        if (found === undefined) program.error(`error: unknown topic '${topic.join(" ")}'`);
        command = found;
      }
      command.outputHelp();
    });
}
