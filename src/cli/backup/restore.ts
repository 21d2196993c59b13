/** `vidimus backup restore`. */

import { resolve } from "node:path";
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { addConfigurationFlags, loadFrom } from "../flags.ts";
import { type CliContext, printJson, printLine } from "../output.ts";
import type { ServeParts } from "../serve.ts";
import { addOpeningFlags, openingOf } from "./keys.ts";
import { describeRestored } from "./message.ts";
import { cleaningUp } from "./signals.ts";

interface Flags {
  readonly into?: string;
  readonly json?: true;
}

export function addBackupRestore(parent: Command, context: CliContext, source: ServeParts["process"]): void {
  const command = parent
    .command("restore <file>")
    .addHelpText(
      "after",
      examples(
        "vidimus backup restore vidimus.age --passphrase file:backup-passphrase --into /var/lib/restored",
      ),
    )
    .description("put a backup into an empty data directory; - for standard input")
    .option("--into <directory>", "the directory; default: the configured data directory")
    .option("--json", "print the manifest as JSON");
  addConfigurationFlags(addOpeningFlags(command)).action(async (file: string) => {
    const { config } = loadFrom(command, context);
    const { into, json } = command.opts<Flags>();
    const directory = resolve(into ?? config.data);
    const opening = await openingOf(command, context);
    const { restoreBackup } = await import("../../wire/backup.ts");
    const { backupBytes } = await import("../../backup/streams.ts");
    const manifest = await cleaningUp(source, () =>
      restoreBackup({ content: backupBytes(file), opening, into: directory }),
    );
    if (json) printJson(context, manifest);
    else for (const line of describeRestored(manifest, directory)) printLine(context, line);
  });
}
