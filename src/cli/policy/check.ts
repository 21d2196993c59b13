/** `vidimus policy check`: whether a policy is good for a server, and what in it the stock clients cannot satisfy. */
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { type StockFinding, stockFindings } from "../../policy/stock.ts";
import type { TrustPolicy } from "../../policy/trust-policy.ts";
import { exitCodes } from "../exit-codes.ts";
import { type CliContext, formatTable, printable, printJson, printLine } from "../output.ts";
import { readPolicyOr } from "./read.ts";

const format = "vidimus-policy-check/1";

/** `finish` is told the exit code. */
export function addPolicyCheck(parent: Command, context: CliContext, finish: (code: number) => void): void {
  parent
    .command("check")
    .argument("<file>", "the policy")
    .description("say whether a policy is good for a server, and what the stock clients cannot satisfy in it")
    .option("--stock", `end with ${exitCodes.policyNotStock.code} if the stock clients cannot satisfy it`)
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      examples("vidimus policy check policy.yaml", "vidimus policy check policy.yaml --stock --json"),
    )
    .action(async (file: string, { stock, json }: { stock?: true; json?: true }) => {
      const policy = await readPolicyOr(file, (problem) => {
        if (json) printJson(context, { format, file, good: false, ...problem });
        else context.stderr(`${printable(problem.sentence)}\n`);
        finish(exitCodes.policyWrong.code);
      });
      if (policy === undefined) return;
      const findings = stockFindings(policy);
      if (json) printJson(context, { format, file, good: true, ...summaryOf(policy), stock: findings });
      else print(context, policy, findings);
      if (stock && findings.length > 0) finish(exitCodes.policyNotStock.code);
    });
}

function summaryOf({ rules, default: rest }: TrustPolicy) {
  return { rules: rules.length, default: rest };
}

function print(context: CliContext, policy: TrustPolicy, findings: readonly StockFinding[]): void {
  const { rules, default: rest } = policy;
  const others = rest === "refuse" ? "cannot be published" : "are published without one";
  printLine(
    context,
    `The policy is good: ${rules.length} ${rules.length === 1 ? "rule" : "rules"}; repositories without a rule ${others}.`,
  );
  if (findings.length === 0) {
    printLine(context, "The stock clients, docker trust and notary, can satisfy it.");
    return;
  }
  printLine(context, "The stock clients cannot satisfy all of it:");
  const rows = findings.map(({ line, place, clients, refused, reason }) => [
    `  line ${line ?? "?"}`,
    place,
    clients.join(", "),
    refused,
    reason,
  ]);
  for (const row of formatTable(rows).split("\n")) printLine(context, printable(row));
}
