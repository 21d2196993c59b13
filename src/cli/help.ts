/** `vidimus help [topic]`: a command's help, or the table of exit codes. */
import type { Command } from "commander";
import { allExitCodes } from "./exit-codes.ts";
import { type CliContext, formatTable, printLine } from "./output.ts";

/** The exit codes as a table. */
export function exitCodeTable(): string {
  return formatTable(allExitCodes.map(({ code, meaning }) => [String(code), meaning]));
}

export function addHelp(program: Command, context: CliContext): void {
  program
    .command("help [topic...]")
    .description("explain a command, or: help exit-codes")
    .action((topic: readonly string[]) => {
      if (topic[0] === "exit-codes") {
        printLine(context, exitCodeTable());
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
