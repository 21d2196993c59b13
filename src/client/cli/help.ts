/** `help [topic]` of `vidimus-client` and of `vidimus`: a command's help, or the table of exit codes, of which each has its own. */
import type { Command } from "commander";
import { endings } from "../errors.ts";
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

/** `sayExitCodes` prints the table of the program. */
export function addHelp(program: Command, sayExitCodes: () => void): void {
  program
    .command("help [topic...]")
    .description("explain a command, or: help exit-codes")
    .action((topic: readonly string[]) => {
      if (topic[0] === "exit-codes") {
        sayExitCodes();
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
