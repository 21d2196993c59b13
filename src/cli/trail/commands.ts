/** `vidimus audit`: the audit trail of a data directory, shown and verified. */
import { Command } from "commander";
import type { CliContext } from "../output.ts";
import { addAuditLog } from "./log.ts";
import { addAuditVerify } from "./verify.ts";

/** Questions are added to what it gives (`audit/commands.ts`). */
export function addTrail(parent: Command, context: CliContext, finish: (code: number) => void): Command {
  const audit = new Command("audit")
    .description(
      "ask who could sign, who did, and what changed; show the audit trail, and prove that it is whole",
    )
    .copyInheritedSettings(parent);
  addAuditLog(audit, context);
  addAuditVerify(audit, context, finish);
  parent.addCommand(audit);
  return audit;
}
