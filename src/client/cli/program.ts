/** The commands of the client, for its own executable and for `vidimus`, which offers the same. */
import { type Command, CommanderError } from "commander";
import { TrustError } from "../errors.ts";
import type { ClientContext } from "./context.ts";
import { addDoctor } from "./doctor.ts";
import { addLock } from "./lock.ts";
import { addPin } from "./pin.ts";
import { reportRefused, reportUsage, UsageError, usageExit } from "./report.ts";
import { addResolve } from "./resolve.ts";
import { addVerify } from "./verify.ts";

const commands: ReadonlySet<string> = new Set(["lock", "resolve", "verify", "pin", "doctor"]);

/** `finish` is told the exit code of the command that ran. */
export function addClientCommands(
  parent: Command,
  context: ClientContext,
  finish: (code: number) => void,
): void {
  addLock(parent, context, finish);
  addResolve(parent, context, finish);
  addVerify(parent, context, finish);
  addPin(parent, context, finish);
  addDoctor(parent, context, finish);
}

/** Whether a command line is for the client and asks for a document. Then commander's own sentences are not printed. */
export function wantsDocument(argv: readonly string[]): boolean {
  const [command = ""] = argv;
  return argv.includes("--json") && (command.startsWith("-") || commands.has(command));
}

/** The exit code for an error that a command let through, after saying it; undefined if it is no refusal of the client. */
export function reportClientError(context: ClientContext, error: unknown, json: boolean): number | undefined {
  if (error instanceof UsageError) return reportUsage(context, error.message, json);
  if (error instanceof CommanderError) {
    // A sentence of commander's has been printed, unless a document is wanted.
    return json ? reportUsage(context, sentenceOf(error), json) : usageExit;
  }
  if (!(error instanceof TrustError)) return undefined;
  const { reference, repository, file } = error;
  const called = reference !== undefined ? "image" : repository !== undefined ? "repository" : "what";
  return reportRefused(
    context,
    [{ subject: reference ?? repository ?? file ?? "(all)", error }],
    json,
    called,
  );
}

/** `error: unknown option '--x'` and the like, with a guess in brackets on a line of its own. */
function sentenceOf({ message }: CommanderError): string {
  const text = message
    .replace(/^error: /, "")
    .replaceAll(/\s+/g, " ")
    .trim();
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?)]$/.test(text) ? "" : "."}`;
}

export { addHelp } from "./help.ts";
export { processContext } from "./process-context.ts";
