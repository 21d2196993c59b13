/** `vidimus config show`: what is in force, and where it comes from. Where a secret lies is shown, never the secret. */

import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { addConfigurationFlags, loadFrom } from "../flags.ts";
import { type CliContext, formatTable, printJson, printLine } from "../output.ts";

function cell(value: unknown): string {
  if (value === undefined) return "–";
  if (Array.isArray(value) && value.every((each) => typeof each === "string"))
    return value.join(", ") || "(empty)";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

export function addConfigShow(parent: Command, context: CliContext): void {
  const command = parent
    .command("show")
    .addHelpText("after", examples("vidimus config show --origin --config /etc/vidimus/vidimus.yaml"))
    .description("print the configuration in force")
    .option("--origin", "say where each value comes from")
    .option("--json", "print JSON");
  addConfigurationFlags(command).action(() => {
    const { rows } = loadFrom(command, context);
    const { origin, json } = command.opts<{ origin?: true; json?: true }>();
    if (json) {
      const shown = rows.map((row) => (origin ? row : { key: row.key, value: row.value }));
      printJson(context, shown);
    } else {
      const shown = rows.map((row) => [row.key, cell(row.value), ...(origin ? [row.origin] : [])]);
      printLine(context, formatTable(shown));
    }
  });
}
