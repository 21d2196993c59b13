/**
 * `verify REFERENCE…` holds references against what is signed; `verify FILE --repository R --target T` a file. With `-`
 * both come as a JSON request from standard input.
 */
import type { Command } from "commander";
import type { SignedTarget } from "../result.ts";
import { openTrust } from "../trust.ts";
import type { ClientContext } from "./context.ts";
import { addTrustFlags, type TrustFlags, trustOptions } from "./flags.ts";
import { documentOf, printJson, type Refused, reportRefused, UsageError } from "./report.ts";
import { type RequestedFile, readRequest } from "./request.ts";
import { resolveAll } from "./resolve.ts";

interface VerifyFlags extends TrustFlags {
  readonly repository?: string;
  readonly target?: string;
  readonly lock?: string;
  readonly json?: boolean;
}

export function addVerify(parent: Command, context: ClientContext, finish: (code: number) => void): void {
  const command = parent
    .command("verify")
    .description("check image references, or a file, against what is signed")
    .argument("<subject...>", "image references, one file with --repository and --target, or - for a request")
    .option("--repository <name>", "the repository that signs the file")
    .option("--target <name>", "the name it signs the file under")
    .option("--lock <file>", "refuse versions below those of this lock file")
    .option("--json", "print a document");
  addTrustFlags(command).action(async (given: readonly string[], flags: VerifyFlags) => {
    finish(await verify(context, given, flags));
  });
}

async function verify(context: ClientContext, given: readonly string[], flags: VerifyFlags): Promise<number> {
  const { repository, target } = flags;
  if ((repository === undefined) !== (target === undefined)) {
    throw new UsageError("Give --repository and --target together, for a file.");
  }
  if (repository !== undefined && target !== undefined) {
    const [path, ...others] = given;
    if (path === undefined || others.length > 0) throw new UsageError("Give one file with --repository and --target.");
    return await verifyFiles(context, flags, [{ path, repository, target }]);
  }
  const { references, files } = await readRequest(given, context);
  const codes = [
    ...(references.length > 0 ? [await resolveAll(context, flags, references)] : []),
    ...(files.length > 0 ? [await verifyFiles(context, flags, files)] : []),
  ];
  return codes.find((code) => code !== 0) ?? 0;
}

async function verifyFiles(context: ClientContext, flags: VerifyFlags, files: readonly RequestedFile[]): Promise<number> {
  const { lock, json = false } = flags;
  const trust = await openTrust({ ...trustOptions(flags, context), ...(lock === undefined ? {} : { lock }) });
  try {
    const results: { subject: string; target?: SignedTarget; error?: unknown }[] = [];
    for (const { path, ...question } of files) {
      try {
        results.push({ subject: path, target: await trust.verifyFile(path, question) });
      } catch (error) {
        results.push({ subject: path, error });
      }
    }
    const refused = results.flatMap(({ subject, error }): Refused[] => (error === undefined ? [] : [{ subject, error }]));
    if (json) {
      const documents = results.map(({ subject, target, error }) =>
        error === undefined ? { subject, target } : { subject, refusal: documentOf({ subject, error }) },
      );
      printJson(context, { format: "vidimus-verify/1", results: documents });
      return refused.length === 0 ? 0 : reportRefused({ ...context, stdout: () => {} }, refused, true);
    }
    if (refused.length > 0) return reportRefused(context, refused, false);
    for (const { subject, target } of results) {
      context.stdout(`${subject} is ${target?.target} of ${target?.repository}, signed by ${target?.role}\n`);
    }
    return 0;
  } finally {
    await trust.close();
  }
}
