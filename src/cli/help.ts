/** `vidimus help [topic]`: a command's help, the table of exit codes, or what a code of the client's refusals means. */
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
    .description("explain a command, or a client's refusal such as NOT_SIGNED, or: help exit-codes")
    .action(async (topic: readonly string[]) => {
      if (topic[0] === "exit-codes") {
        printLine(context, exitCodeTable());
        return;
      }
      const [code = "", ...others] = topic;
      if (others.length === 0 && /_|^[A-Z]+$/.test(code)) {
        const { explainCode } = await import("../client/cli/help.ts");
        const explained = explainCode(code, process.stdout.columns ?? 120);
        if (explained !== undefined) {
          printLine(context, explained);
          return;
        }
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
