/** `vidimus policy explain`: which rule of a policy speaks for a name, and everything that it demands. */
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { isRepositoryName } from "../../core/names.ts";
import { type Explained, explainName } from "../../policy/explain.ts";
import type { TrustPolicy } from "../../policy/trust-policy.ts";
import { exitCodes } from "../exit-codes.ts";
import { addConfigurationFlags, loadFrom } from "../flags.ts";
import { type CliContext, formatTable, printable, printJson, printLine } from "../output.ts";
import { readPolicyOr } from "./read.ts";

const format = "vidimus-policy-explanation/1";

/** `finish` is told the exit code. */
export function addPolicyExplain(parent: Command, context: CliContext, finish: (code: number) => void): void {
  const command = parent
    .command("explain")
    .argument("<name>", "a repository, such as registry.example/team/app")
    .description("say which rule of the policy speaks for a name, and what it demands of each role")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      examples(
        "vidimus policy explain registry.acme.example/app --policy policy.yaml",
        "vidimus policy explain registry.acme.example/app --policy policy.yaml --json",
      ),
    );
  addConfigurationFlags(command).action(async (name: string) => {
    const { json } = command.opts<{ json?: true }>();
    if (!isRepositoryName(name)) {
      command.error(`${printable(name)} is no name of a repository: write it without tag and digest.`);
    }
    const file =
      loadFrom(command, context).config.policy.file ??
      command.error("There is no policy: name one with --policy.");
    const policy = await readPolicyOr(file, (problem) => {
      if (json) printJson(context, { format, file, good: false, ...problem });
      else context.stderr(`${printable(problem.sentence)}\n`);
      finish(exitCodes.policyWrong.code);
    });
    if (policy === undefined) return;
    const explained = explainName(policy, name);
    if (json) printJson(context, { format, file, good: true, name, default: policy.default, explained });
    else for (const each of explained) print(context, name, each, policy);
  });
}

const readers = {
  server: "where it is published",
  client: "where it is installed",
} as const;

function print(context: CliContext, name: string, explained: Explained, policy: TrustPolicy): void {
  const { rule, ambiguous, values, repository } = explained;
  const where = explained.for.map((each) => readers[each]).join(" and ");
  const signed = repository === name ? "" : `, which is signed as ${repository}`;
  if (ambiguous.length > 0) {
    printLine(
      context,
      `${name}, ${where}: ${ambiguous.join(" and ")} speak equally, so it is refused. Make one of them more specific.`,
    );
    return;
  }
  if (rule === undefined) {
    const becomes = policy.default === "refuse" ? "it is refused" : "nothing is demanded";
    printLine(
      context,
      `${name}, ${where}: no rule speaks for it, so ${becomes} (default: ${policy.default}).`,
    );
    return;
  }
  printLine(
    context,
    `${name}${signed}, ${where}: ${rule.match} (${rule.place}${rule.line === undefined ? "" : `, line ${rule.line}`}) demands`,
  );
  const rows = values.map(({ what, value, from, line }) => [
    `  ${what}`,
    value,
    from === "built in"
      ? "not in the rule"
      : `line ${line ?? "?"}${from === "defaults" ? ", in defaults" : ""}`,
  ]);
  for (const row of formatTable(rows).split("\n")) printLine(context, printable(row));
}
