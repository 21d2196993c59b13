/** `vidimus version`. */

import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { examples } from "../client/cli/examples.ts";
import { type CliContext, printLine } from "./output.ts";

/** As package.json says it. */
export function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return String((manifest as { version?: unknown }).version);
}

export function addVersion(parent: Command, context: CliContext): void {
  parent
    .command("version")
    .addHelpText("after", examples("vidimus version"))
    .description("print the versions of Vidimus and Node")
    .action(() => printLine(context, `vidimus ${readVersion()} (Node ${process.versions.node})`));
}
