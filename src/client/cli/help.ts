/**
 * `help [topic]` of `vidimus-client` and of `vidimus`: a command's help, the table of exit codes, of which each has its own,
 * or what a code of a refusal means.
 */
import type { Command } from "commander";
import { malformedCodes, unauthenticCodes } from "../../core/errors.ts";
import { meant } from "../../core/nearest.ts";
import { saidBy } from "../command.ts";
import { clientCodes, endings, type TrustCode } from "../errors.ts";
import { meaningOf } from "../meanings.ts";
import { rowOf } from "../refusals.ts";
import type { ClientContext } from "./context.ts";
import { UsageError, unexpectedExit, usageCode, usageExit, usageNext } from "./report.ts";
import { formatTable, formatWithCommands, forTerminal } from "./table.ts";

const usageMeaning = "unknown command or flag";

/** Every code that a command of the client can end with, in the order of their numbers. */
export const clientExitCodes: readonly { readonly code: number; readonly meaning: string }[] = [
  { code: 0, meaning: "done" },
  { code: unexpectedExit, meaning: "an error that should not happen" },
  { code: usageExit, meaning: usageMeaning },
  ...Object.values(endings).map(({ exit, meaning }) => ({ code: exit, meaning })),
];

export function sayClientExitCodes({ stdout, columns }: ClientContext): void {
  const rows = clientExitCodes.map(({ code, meaning }) => [String(code), meaning]);
  stdout(`${formatTable(rows, columns)}\n`);
}

/** Every code of a refusal: those of the client, then those of files that do not verify. */
export const refusalCodes: readonly TrustCode[] = [...clientCodes, ...malformedCodes, ...unauthenticCodes];

/** What a code means and what follows from it, as a table for a person; undefined if there is no such code. */
export function explainCode(
  text: string,
  { columns, program }: Pick<ClientContext, "columns" | "program">,
): string | undefined {
  const name = text.toUpperCase();
  const code = refusalCodes.find((each) => each === name);
  if (code !== undefined) {
    const { ending, who, next } = rowOf(code);
    const { exit, meaning } = endings[ending];
    return explained(
      {
        code,
        what: meaningOf(code),
        who,
        next: saidBy(next, program),
        exit: `${exit} (${ending}: ${meaning})`,
      },
      columns,
    );
  }
  if (name !== usageCode) return undefined;
  const exit = `${usageExit} (usage: ${usageMeaning})`;
  const what = "the arguments of a command make no sense; so it is called in documents";
  return explained({ code: name, what, who: "you", next: saidBy(usageNext, program), exit }, columns);
}

function explained(
  { code, ...row }: Record<"code" | "what" | "who" | "next" | "exit", string>,
  columns: number,
): string {
  const { what, who, next, exit } = row;
  const rows = [
    ["what", what],
    ["who", who],
    ["next", next],
    ["exit code", exit],
  ];
  return `${code}\n${formatWithCommands(rows, columns)}`;
}

/** `sayExitCodes` prints the table of the program. */
export function addHelp(
  program: Command,
  context: Pick<ClientContext, "stdout" | "columns" | "program">,
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
      const explained = topic.length === 1 ? explainCode(topic[0] ?? "", context) : undefined;
      if (explained !== undefined) {
        context.stdout(`${explained}\n`);
        return;
      }
      let command = program;
      for (const name of topic) {
        const names = command.commands.map((candidate) => candidate.name());
        const found = command.commands.find((candidate) => candidate.name() === name);
        if (found === undefined)
          throw unknownTopic(name, command === program ? undefined : command.name(), names);
        command = found;
      }
      command.outputHelp();
    });
}

/** @param within the command whose parts are meant; undefined: the program */
function unknownTopic(name: string, within: string | undefined, names: readonly string[]): UsageError {
  const shown = forTerminal(name).slice(0, 64);
  if (within !== undefined) return new UsageError(`${within} has no command ${shown}${meant(name, names)}`);
  const known = [...names, "exit-codes", ...refusalCodes, usageCode];
  return new UsageError(`There is no command and no code ${shown}${meant(name, known)}`);
}
