/** `vidimus healthcheck`: whether the running server of this configuration is ready, for containers and scripts. */
import type { Command } from "commander";
import { addressInReadyFile, askReady, probeAddress } from "../serve/probe.ts";
import { addConfigurationFlags, loadFrom } from "./flags.ts";
import { type CliContext, printLine } from "./output.ts";

const example = `
Asks /readyz with the configuration that the server was started with; the server proves itself by its own CA.
Exit codes: 0 ready, 20 not ready (with the reason), 21 no server answers, 3 the configuration is not good.

Example:
  vidimus healthcheck --config /etc/vidimus/vidimus.yaml`;

export function addHealthcheck(parent: Command, context: CliContext): void {
  const command = parent
    .command("healthcheck")
    .description("say whether the running server is ready")
    .option("--ready-file <file>", "find the server by the file that it wrote when ready")
    .addHelpText("after", example);
  addConfigurationFlags(command).action(async () => {
    const { config } = loadFrom(command, context);
    const { readyFile } = command.opts<{ readyFile?: string }>();
    await askReady(readyFile === undefined ? probeAddress(config) : addressInReadyFile(readyFile), config);
    printLine(context, "ready");
  });
}
