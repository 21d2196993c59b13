/** The commands of the client, for its own executable and for `vidimus`, which offers the same. */
import type { Command } from "commander";
import { TrustError } from "../errors.ts";
import type { ClientContext } from "./context.ts";
import { addDoctor } from "./doctor.ts";
import { addLock } from "./lock.ts";
import { addPin } from "./pin.ts";
import { reportRefused, UsageError, usageExit } from "./report.ts";
import { addResolve } from "./resolve.ts";
import { addVerify } from "./verify.ts";

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

/** The exit code for an error that a command let through, after saying it; undefined if it is no refusal of the client. */
export function reportClientError(context: ClientContext, error: unknown, json: boolean): number | undefined {
  if (error instanceof UsageError) {
    context.stderr(`${error.message}\n`);
    return usageExit;
  }
  if (!(error instanceof TrustError)) return undefined;
  const { reference, repository, file } = error;
  return reportRefused(context, [{ subject: reference ?? repository ?? file ?? "(all)", error }], json);
}

export { addHelp } from "./help.ts";
export { processContext } from "./process-context.ts";
