/** `vidimus backup verify`. */

import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { type CliContext, printJson, printLine } from "../output.ts";
import type { ServeParts } from "../serve.ts";
import { addOpeningFlags, openingOf } from "./keys.ts";
import { describeBackup } from "./message.ts";
import { cleaningUp } from "./signals.ts";

interface Flags {
  readonly temporary?: string;
  readonly json?: true;
}

export function addBackupVerify(parent: Command, context: CliContext, source: ServeParts["process"]): void {
  const command = parent
    .command("verify <file>")
    .addHelpText("after", examples("vidimus backup verify vidimus.age --passphrase file:backup-passphrase"))
    .description("check everything in a backup and say what is in it; - for standard input")
    .option(
      "--temporary <directory>",
      "where its store is written meanwhile; default: the system's temporary files",
    )
    .option("--json", "print the manifest as JSON");
  addOpeningFlags(command).action(async (file: string) => {
    const { temporary, json } = command.opts<Flags>();
    const opening = await openingOf(command, context);
    const { verifyBackup } = await import("../../wire/backup.ts");
    const { backupBytes } = await import("../../backup/streams.ts");
    const manifest = await cleaningUp(source, () =>
      verifyBackup({ content: backupBytes(file), opening, place: temporary }),
    );
    if (json) printJson(context, manifest);
    else
      for (const line of [...describeBackup(manifest), "It is whole, and every stored file has its digest."])
        printLine(context, line);
  });
}
