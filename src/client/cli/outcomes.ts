/** What `resolve` and `verify` found, one subject after another, and how it is printed. */
import type { Command } from "commander";
import { TrustError } from "../errors.ts";
import { absentLock } from "../locking/lockfile.ts";
import { digestsOf, movedError, moveOf } from "../locking/moves.ts";
import { parseReference } from "../reference.ts";
import type { ResolvedImage, SignedTarget } from "../result.ts";
import { type Outcome, openTrust, type Trust } from "../trust.ts";
import type { ClientContext } from "./context.ts";
import { addTrustFlags, refuseUnusedServer, type TrustFlags, trustOptions, usualLock } from "./flags.ts";
import { lockAtHand } from "./lock-at-hand.ts";
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

/** The flags of `AskFlags`; `printed` says what stands in the place of the document. */
export function addAskFlags(command: Command, printed: string): Command {
  return addTrustFlags(
    command
      .option(
        "--lock <file>",
        `hold what is signed against this lock file: other digests and lower versions are refused (default: ${usualLock} if it is there)`,
      )
      .option("--json", `print a document instead of ${printed}`),
  );
}

/** Asks for everything of a request, references in parallel, files one after the other. */
export async function askAll(
  context: ClientContext,
  flags: AskFlags,
  { references, files }: Request,
): Promise<readonly SubjectOutcome[]> {
  const progress = progressOn(context);
  const held = await lockAtHand(flags.lock ?? usualLock);
  if (held === undefined && flags.lock !== undefined) {
    const remedy = { who: "you", next: absentLock(flags.lock) } as const;
    throw new TrustError("LOCK_INVALID", "The lock file is not there.", { file: flags.lock, remedy });
  }
  const trust = await openTrust({
    ...trustOptions(flags, context),
    onEvent: progress.onEvent,
    ...(held === undefined ? {} : { lock: held.name }),
  });
  try {
    refuseUnusedServer(flags, trust.servers);
    const locked = digestsOf(held?.lock);
    const images = (await trust.resolveAll(references)).map((outcome) => heldAgainst(locked, outcome));
    const targets: SubjectOutcome[] = [];
    for (const file of files) targets.push(await askFile(trust, file));
    return [...images, ...targets];
  } finally {
    progress.end();
    await trust.close();
  }
}

/** What is signed is no answer where a lock says another digest: a build that follows it would differ from the locked one. */
function heldAgainst(
  locked: ReadonlyMap<string, string>,
  { reference, image, error }: Outcome,
): SubjectOutcome {
  if (image === undefined) return { subject: reference, error };
  const move = moveOf(parseReference(reference), image.digest, locked);
  return move === undefined ? { subject: reference, image } : { subject: reference, error: movedError(move) };
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
        : { ...outcome, refusal: documentOf({ subject: outcome.subject, error }, context) },
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
