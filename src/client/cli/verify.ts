/**
 * `verify REFERENCE…` holds references against what is signed; `verify FILE --repository R --target T` a file. With `-`
 * both come as a JSON request from standard input.
 */

import { stat } from "node:fs/promises";
import type { Command } from "commander";
import { explain, TrustError } from "../errors.ts";
import type { ClientContext } from "./context.ts";
import { examples } from "./examples.ts";
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
    .addHelpText(
      "after",
      examples(
        `${context.program} verify registry.acme.example/app:1.2`,
        `${context.program} verify boot.bin --repository registry.acme.example/app --target boot.bin`,
      ),
    )
    .description("check image references, or a file, against what is signed")
    .argument("<subject...>", "image references, one file with --repository and --target, or - for a request")
    .option("--repository <name>", "the repository that signs the file")
    .option("--target <name>", "the name it signs the file under");
  addAskFlags(command, "sentences").action(async (given: readonly string[], flags: VerifyFlags) => {
    const asked = await askAll(context, flags, await requestOf(given, flags, context));
    const isFile = flags.repository !== undefined;
    const outcomes = isFile ? asked : await Promise.all(asked.map(withFileHint));
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
  if (repository === undefined && target === undefined) {
    await refuseFiles(given);
    return await readRequest(given, context, "references and files");
  }
  const [path, ...others] = given;
  if (repository === undefined || target === undefined || path === undefined || others.length > 0) {
    throw new UsageError("Give one file, with --repository and --target.");
  }
  return { references: [], files: [{ path, repository, target }] };
}

/** A path that is no reference is most likely the file to be verified. Throws `REFERENCE_INVALID`. */
async function refuseFiles(given: readonly string[]): Promise<void> {
  for (const path of given) {
    if (!/^[./~]|\\/.test(path) || !(await isFile(path))) continue;
    throw new TrustError("REFERENCE_INVALID", `${path} is a file here, and no reference to an image.`, {
      reference: path,
      remedy: { next: `Say who signs it: ${callFor(path)}` },
    });
  }
}

/** `kernel.tar` is a reference too, and so is refused as one: that there is a file of that name is worth a word. */
async function withFileHint(outcome: SubjectOutcome): Promise<SubjectOutcome> {
  const { subject, error } = outcome;
  if (!(error instanceof TrustError) || error.file !== undefined || !(await isFile(subject))) return outcome;
  const next = explain(error)?.next ?? "";
  const remedy = { ...error.remedy, next: `${next} Or, for the file of that name: ${callFor(subject)}` };
  return { subject, error: new TrustError(error.code, error.message, { ...error, remedy }) };
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() === true;
}

function callFor(path: string): string {
  return `verify ${path} --repository NAME --target NAME`;
}

function lineOf({ subject, image, target }: SubjectOutcome): string {
  if (image !== undefined) return `${subject} is ${image.digest}, signed by ${image.role}`;
  return `${subject} is ${target?.target} of ${target?.repository}, signed by ${target?.role}`;
}
