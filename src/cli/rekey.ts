/** `vidimus rekey`: another key-encryption secret for the online keys, with the server stopped. */

import type { Command } from "commander";
import { examples } from "../client/cli/examples.ts";
import { addConfigurationFlags, loadFrom } from "./flags.ts";
import { type CliContext, printLine } from "./output.ts";

export function addRekey(parent: Command, context: CliContext): void {
  const command = parent
    .command("rekey")
    .addHelpText("after", examples("vidimus rekey --data /var/lib/vidimus"))
    .description("seal the online keys under another key-encryption secret; the server must be stopped")
    .option(
      "--new-secret <uri>",
      "where the new secret lies: file:PATH, env:NAME, credential:NAME or fd:NUMBER; without it a new random key takes the place of the present key file",
    );
  addConfigurationFlags(command).action(async () => {
    const { config } = loadFrom(command, context);
    const { newSecret } = command.opts<{ newSecret?: string }>();
    const { rekey } = await import("../wire/rekey.ts");
    const { olderCopies } = await rekey(config, newSecret);
    const next =
      newSecret === undefined
        ? "Back up the new key file apart from the store, then start the server."
        : "Set signer.secret to the new source, then start the server.";
    printLine(context, "The online keys are sealed under the new secret; the old one no longer opens them.");
    printLine(context, next);
    printLine(
      context,
      "Older backups still open with the old secret: keep it as long as them, and no longer.",
    );
    for (const name of olderCopies) {
      printLine(context, `${name} in the data directory is such a backup: remove it if you can do without.`);
    }
  });
}
