/** What these commands have in common: a group, a server that is asked, a sentence or a document at the end. */
import { Command } from "commander";
import { type CliContext, formatTable, printable, printJson, printLine } from "../output.ts";
import { type AccessFlags, AccessServer, addAccessFlags } from "./server.ts";

export function group(parent: Command, name: string, description: string): Command {
  const made = new Command(name).description(description).copyInheritedSettings(parent);
  parent.addCommand(made);
  return made;
}

/** The last flags of a command, and its work. */
export function asks<A extends readonly unknown[]>(
  command: Command,
  context: CliContext,
  work: (server: AccessServer, ...given: A) => Promise<void>,
): void {
  addAccessFlags(command).action(async (...given: unknown[]) => {
    const server = await AccessServer.open(command, context);
    try {
      await work(server, ...(given as unknown as A));
    } finally {
      server.close();
    }
  });
}

/** What was done, in a sentence or as the server's document. Its warnings go to standard error. */
export function sayDone(
  command: Command,
  context: CliContext,
  document: unknown,
  said: string | readonly string[],
): void {
  const { warnings } = document as { readonly warnings?: unknown };
  for (const each of Array.isArray(warnings) ? warnings : []) context.stderr(`${printable(String(each))}\n`);
  if (command.opts<AccessFlags>().json === true) printJson(context, document);
  else for (const each of [said].flat()) printLine(context, printable(each));
}

export function sayTable(
  command: Command,
  context: CliContext,
  document: unknown,
  rows: readonly (readonly string[])[],
  empty: string,
): void {
  if (command.opts<AccessFlags>().json === true) printJson(context, document);
  else printLine(context, rows.length <= 1 ? empty : formatTable(rows));
}

/** Lines for the end of a command's help. `test/cli/access.test.ts` runs each. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join("\n")}\n`;
}
