/** `vidimus backup create`. Where the backup goes to standard output, words go to standard error. */

import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { refuseOwnFiles } from "../../serve/own-files.ts";
import { addConfigurationFlags, loadFrom } from "../flags.ts";
import { type CliContext, printJson, printLine } from "../output.ts";
import type { ServeParts } from "../serve.ts";
import { readVersion } from "../version.ts";
import { addSealingFlags, sealingOf } from "./keys.ts";
import { describeBackup } from "./message.ts";
import { cleaningUp } from "./signals.ts";

interface Flags {
  readonly includeSecret?: true;
  readonly temporary?: string;
  readonly json?: true;
}

export function addBackupCreate(parent: Command, context: CliContext, source: ServeParts["process"]): void {
  const command = parent
    .command("create <file>")
    .addHelpText(
      "after",
      examples(
        "vidimus backup create vidimus.age --passphrase file:backup-passphrase --data /var/lib/vidimus",
      ),
    )
    .description(
      "write a sealed backup of the store, beside a running server or without one; - for standard output",
    )
    .option(
      "--include-secret",
      "put the key-encryption secret in: whoever opens the backup then has the online keys",
    )
    .option(
      "--temporary <directory>",
      "where a copy of the store lies meanwhile; default: the data directory",
    )
    .option("--json", "print the manifest as JSON");
  addConfigurationFlags(addSealingFlags(command)).action(async (file: string) => {
    const { config, rows, file: configuration } = loadFrom(command, context);
    if (file !== "-") {
      const written = [file, `${file}.partial`].map((path) => ({ name: "backup create", path }));
      refuseOwnFiles(config, written, configuration);
    }
    const { includeSecret = false, temporary, json } = command.opts<Flags>();
    const sealing = await sealingOf(command, context);
    const { createBackup } = await import("../../wire/backup.ts");
    const { writeBackup, writeStandardOutput } = await import("../../backup/streams.ts");
    const manifest = await cleaningUp(source, () =>
      createBackup(config, {
        sealing,
        settings: rows.filter(({ origin }) => origin !== "default").map(({ key, value }) => ({ key, value })),
        version: readVersion(),
        place: temporary,
        includeSecret,
        write: (content) => (file === "-" ? writeStandardOutput(content) : writeBackup(file, content)),
      }),
    );
    const words = file === "-" ? { ...context, stdout: context.stderr } : context;
    if (json) printJson(words, manifest);
    else for (const line of describeBackup(manifest)) printLine(words, line);
  });
}
