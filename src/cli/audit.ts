/** `vidimus audit`: the audit trail of a data directory, shown and verified. */
import { Command } from "commander";
import { addAuditLog } from "./audit-log.ts";
import { addAuditVerify } from "./audit-verify.ts";
import type { CliContext } from "./output.ts";

export function addAudit(parent: Command, context: CliContext, finish: (code: number) => void): void {
  const audit = new Command("audit")
    .description("show the audit trail, and prove that it extends an earlier head")
    .copyInheritedSettings(parent);
  addAuditLog(audit, context);
  addAuditVerify(audit, context, finish);
  parent.addCommand(audit);
}
