/** `resolve REFERENCE…`: the signed digest of images. `-` takes a request as JSON from standard input. */
import type { Command } from "commander";
import { openTrust } from "../trust.ts";
import type { ClientContext } from "./context.ts";
import { addTrustFlags, type TrustFlags, trustOptions } from "./flags.ts";
import { progressOn } from "./progress.ts";
import { documentOf, printJson, type Refused, reportRefused } from "./report.ts";
import { readRequest } from "./request.ts";

export function addResolve(parent: Command, context: ClientContext, finish: (code: number) => void): void {
  const command = parent
    .command("resolve")
    .description("print the signed digest of image references")
    .argument("<reference...>", "name[:tag][@digest], or - for a request on standard input")
    .option("--lock <file>", "refuse versions below those of this lock file")
    .option("--json", "print a document instead of references");
  addTrustFlags(command).action(async (given: readonly string[], flags: TrustFlags & { lock?: string; json?: boolean }) => {
    const { references } = await readRequest(given, context);
    finish(await resolveAll(context, flags, references));
  });
}

/** Shared with `verify`. */
export async function resolveAll(
  context: ClientContext,
  flags: TrustFlags & { lock?: string; json?: boolean },
  references: readonly string[],
): Promise<number> {
  const progress = progressOn(context);
  const { lock, json = false } = flags;
  const trust = await openTrust({
    ...trustOptions(flags, context),
    onEvent: progress.onEvent,
    ...(lock === undefined ? {} : { lock }),
  });
  try {
    const outcomes = await trust.resolveAll(references);
    progress.end();
    const refused = outcomes.flatMap(({ reference, error }): Refused[] =>
      error === undefined ? [] : [{ subject: reference, error }],
    );
    if (json) {
      const results = outcomes.map(({ reference, image, error }) =>
        image === undefined
          ? { subject: reference, refusal: documentOf({ subject: reference, error }) }
          : { subject: reference, image },
      );
      printJson(context, { format: "vidimus-resolve/1", results });
      return refused.length === 0 ? 0 : reportRefused({ ...context, stdout: () => {} }, refused, true);
    }
    if (refused.length > 0) return reportRefused(context, refused, false);
    for (const { image } of outcomes) context.stdout(`${image?.reference}\n`);
    return 0;
  } finally {
    progress.end();
    await trust.close();
  }
}
