/** What `resolve` and `verify` found, one subject after another, and how it is printed. */
import { existsSync } from "node:fs";
import type { ResolvedImage, SignedTarget } from "../result.ts";
import { openTrust, type Trust } from "../trust.ts";
import type { ClientContext } from "./context.ts";
import { type TrustFlags, trustOptions, usualLock } from "./flags.ts";
import { progressOn } from "./progress.ts";
import { documentOf, printJson, type Refused, reportRefused } from "./report.ts";
import type { Request } from "./request.ts";
import { forTerminal } from "./table.ts";

export interface AskFlags extends TrustFlags {
  readonly lock?: string;
  readonly json?: boolean;
}

export interface SubjectOutcome {
  readonly subject: string;
  readonly image?: ResolvedImage;
  readonly target?: SignedTarget;
  readonly error?: unknown;
}

/** Asks for everything of a request, references in parallel, files one after the other. */
export async function askAll(
  context: ClientContext,
  flags: AskFlags,
  { references, files }: Request,
): Promise<readonly SubjectOutcome[]> {
  const progress = progressOn(context);
  const lock = flags.lock ?? (existsSync(usualLock) ? usualLock : undefined);
  const trust = await openTrust({
    ...trustOptions(flags, context),
    onEvent: progress.onEvent,
    ...(lock === undefined ? {} : { lock }),
  });
  try {
    const images = (await trust.resolveAll(references)).map(
      ({ reference, image, error }): SubjectOutcome =>
        image === undefined ? { subject: reference, error } : { subject: reference, image },
    );
    const targets: SubjectOutcome[] = [];
    for (const file of files) targets.push(await askFile(trust, file));
    return [...images, ...targets];
  } finally {
    progress.end();
    await trust.close();
  }
}

async function askFile(
  trust: Trust,
  { path, ...question }: Request["files"][number],
): Promise<SubjectOutcome> {
  try {
    return { subject: path, target: await trust.verifyFile(path, question) };
  } catch (error) {
    return { subject: path, error };
  }
}

/** Prints outcomes and gives the exit code: a line each as `lineOf` says, or one document; refusals as a table. */
export function printOutcomes(
  context: ClientContext,
  outcomes: readonly SubjectOutcome[],
  { format, json, lineOf }: { format: string; json: boolean; lineOf: (outcome: SubjectOutcome) => string },
): number {
  const refused = outcomes.flatMap(({ subject, error }): Refused[] =>
    error === undefined ? [] : [{ subject, error }],
  );
  if (json) {
    const results = outcomes.map(({ error, ...outcome }) =>
      error === undefined
        ? outcome
        : { ...outcome, refusal: documentOf({ subject: outcome.subject, error }) },
    );
    printJson(context, { format, results });
    return refused.length === 0 ? 0 : reportRefused({ ...context, stdout: () => {} }, refused, true);
  }
  if (refused.length > 0) {
    const code = reportRefused(context, refused, false);
    // No reference is printed: who builds from a part of what was asked for builds something else.
    if (outcomes.length > 1)
      context.stderr(`${outcomes.length - refused.length} of ${outcomes.length} verified\n`);
    return code;
  }
  for (const outcome of outcomes) context.stdout(`${forTerminal(lineOf(outcome))}\n`);
  return 0;
}
