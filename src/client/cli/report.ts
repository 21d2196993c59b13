/**
 * How a command ends when something is refused: one table for a person, one document for a program, and the exit code of
 * the worst. Nothing else is printed, and nothing was written.
 */

import { saidBy } from "../command.ts";
import { type Ending, endings, explain, type TrustCode, TrustError, worst } from "../errors.ts";
import type { ClientContext } from "./context.ts";
import { formatWithCommands } from "./table.ts";

/** Something that was refused: what a person calls it, and why. */
export interface Refused {
  /** The reference, file or place. */
  readonly subject: string;
  /** Where it stands, if it stands in a file: `linuxkit.yml:3`. */
  readonly where?: string | undefined;
  readonly error: unknown;
}

/** One refusal in the documents that `--json` prints. */
export interface RefusalDocument {
  readonly subject: string;
  readonly where?: string;
  readonly code: TrustCode;
  readonly ending: Ending;
  readonly what: string;
  readonly who: string;
  readonly next: string;
  readonly reference?: string;
  readonly repository?: string;
  readonly role?: string;
  readonly file?: string;
  readonly line?: number;
  readonly detail?: TrustError["detail"];
}

export const unexpectedExit = 1;
export const usageExit = 2;

/** The code and the ending of such a mistake in documents; no `TrustError` has them. */
export const usageCode = "USAGE";
export const usageNext = "Correct the arguments: vidimus-client help";

/** A mistake in the arguments of a command. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/**
 * Prints refusals and gives the exit code. An error that is no refusal of ours is thrown.
 * @param called what the subjects are, in the head of the table
 */
export function reportRefused(
  context: ClientContext,
  refused: readonly Refused[],
  json: boolean,
  called = "image",
): number {
  const documents = refused.map((each) => documentOf(each, context));
  if (json) printJson(context, { format: "vidimus-refusal/1", refusals: documents });
  else context.stderr(`${tableOf(documents, refused, context, called)}\n`);
  const ending = worst(documents.map((each) => each.ending));
  return ending === undefined ? unexpectedExit : endings[ending].exit;
}

/** Says what is wrong with the arguments, and gives the exit code. */
export function reportUsage(context: ClientContext, what: string, json: boolean): number {
  const refusal = {
    subject: "(arguments)",
    code: usageCode,
    ending: "usage",
    what,
    who: "you",
    next: saidBy(usageNext, context.program),
  };
  if (json) printJson(context, { format: "vidimus-refusal/1", refusals: [refusal] });
  else context.stderr(`${what}\n`);
  return usageExit;
}

export function documentOf(
  { subject, where, error }: Refused,
  { program }: Pick<ClientContext, "program">,
): RefusalDocument {
  const explanation = explain(error);
  if (explanation === undefined) throw error;
  const { code, ending, who } = explanation;
  const [what, next] = [saidBy(explanation.what, program), saidBy(explanation.next, program)];
  const { reference, repository, role, file, line, detail } =
    error instanceof TrustError ? error : ({} as TrustError);
  const command = detail?.command;
  const told = typeof command === "string" ? { ...detail, command: saidBy(command, program) } : detail;
  const known = { reference, repository, role, file, line, detail: told };
  const given = Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
  return { subject, ...(where === undefined ? {} : { where }), code, ending, what, who, next, ...given };
}

function tableOf(
  documents: readonly RefusalDocument[],
  refused: readonly Refused[],
  context: ClientContext,
  called: string,
): string {
  const rows = documents.map(({ what, who, next, code, file, line }, index) => {
    const { subject, where } = refused[index] as Refused;
    // The place of the subject is said once.
    const place = `${file}:${line}`;
    const isSaid = where?.startsWith(`${place},`) === true && what.startsWith(`${place}: `);
    const wrong = isSaid ? what.slice(place.length + 2) : what;
    return [where === undefined ? subject : `${subject} (${where})`, `${wrong} [${code}]`, `${who}: ${next}`];
  });
  return formatWithCommands([[called, "what is wrong", "who has to do what"], ...rows], context.columns);
}

export function printJson({ stdout }: ClientContext, document: object): void {
  stdout(`${JSON.stringify(document, null, 2)}\n`);
}
