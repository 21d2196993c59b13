/** `resolve REFERENCE…`: the signed digest of images. `-` takes a request as JSON from standard input. */

import type { Command } from "commander";
import type { ClientContext } from "./context.ts";
import { examples } from "./examples.ts";
import { type AskFlags, addAskFlags, askAll, printOutcomes } from "./outcomes.ts";
import { readRequest } from "./request.ts";

export function addResolve(parent: Command, context: ClientContext, finish: (code: number) => void): void {
  const command = parent
    .command("resolve")
    .addHelpText("after", examples(`${context.program} resolve registry.acme.example/app:1.2`))
    .description("print the signed digest of image references")
    .argument("<reference...>", "name[:tag][@digest], or - for a request on standard input");
  addAskFlags(command, "references").action(async (given: readonly string[], flags: AskFlags) => {
    const request = await readRequest(given, context, "references");
    const outcomes = await askAll(context, flags, request);
    const lineOf = ({ image }: (typeof outcomes)[number]) => image?.reference ?? "";
    finish(
      printOutcomes(context, outcomes, { format: "vidimus-resolve/1", json: flags.json === true, lineOf }),
    );
  });
}
