/** `vidimus config schema`: the JSON Schema of the configuration file. */

import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { jsonSchema } from "../../config/keys.ts";
import { type CliContext, printJson } from "../output.ts";

export function addConfigSchema(parent: Command, context: CliContext): void {
  parent
    .command("schema")
    .addHelpText("after", examples("vidimus config schema"))
    .description("print a JSON Schema of the configuration file, for editors")
    .action(() => printJson(context, jsonSchema()));
}
