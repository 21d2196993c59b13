/** `vidimus config check`: whether a configuration is good. */

import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { addConfigurationFlags, loadFrom } from "../flags.ts";
import { type CliContext, printLine } from "../output.ts";

export function addConfigCheck(parent: Command, context: CliContext): void {
  const command = parent
    .command("check")
    .addHelpText("after", examples("vidimus config check --config /etc/vidimus/vidimus.yaml"))
    .description("say whether the configuration is good, with all its problems");
  addConfigurationFlags(command).action(() => {
    loadFrom(command, context);
    printLine(context, "The configuration is good.");
  });
}
