/**
 * `verify REFERENCE…` holds references against what is signed; `verify FILE --repository R --target T` a file. With `-`
 * both come as a JSON request from standard input.
 */
import type { Command } from "commander";
import type { ClientContext } from "./context.ts";
import { type AskFlags, addAskFlags, askAll, printOutcomes, type SubjectOutcome } from "./outcomes.ts";
import { UsageError } from "./report.ts";
import { type Request, readRequest } from "./request.ts";

interface VerifyFlags extends AskFlags {
  readonly repository?: string;
  readonly target?: string;
}

export function addVerify(parent: Command, context: ClientContext, finish: (code: number) => void): void {
  const command = parent
    .command("verify")
    .description("check image references, or a file, against what is signed")
    .argument("<subject...>", "image references, one file with --repository and --target, or - for a request")
    .option("--repository <name>", "the repository that signs the file")
    .option("--target <name>", "the name it signs the file under");
  addAskFlags(command, "sentences").action(async (given: readonly string[], flags: VerifyFlags) => {
    const outcomes = await askAll(context, flags, await requestOf(given, flags, context));
    finish(
      printOutcomes(context, outcomes, { format: "vidimus-verify/1", json: flags.json === true, lineOf }),
    );
  });
}

async function requestOf(
  given: readonly string[],
  flags: VerifyFlags,
  context: ClientContext,
): Promise<Request> {
  const { repository, target } = flags;
  if (repository === undefined && target === undefined)
    return await readRequest(given, context, "references and files");
  const [path, ...others] = given;
  if (repository === undefined || target === undefined || path === undefined || others.length > 0) {
    throw new UsageError("Give one file, with --repository and --target.");
  }
  return { references: [], files: [{ path, repository, target }] };
}

function lineOf({ subject, image, target }: SubjectOutcome): string {
  if (image !== undefined) return `${subject} is ${image.digest}, signed by ${image.role}`;
  return `${subject} is ${target?.target} of ${target?.repository}, signed by ${target?.role}`;
}
