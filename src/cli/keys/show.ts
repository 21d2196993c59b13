/** `vidimus key show`: what is known of one key; with `--pem` its public half for others. */
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import type { KeyInfo } from "../../publisher/custody/custody.ts";
import { type CliContext, formatTable, printable, printLine } from "../output.ts";
import { addKeyFlags, addPassphraseFlags, type KeyFlags, withKeys } from "./flags.ts";
import { printKeys } from "./output.ts";
import { publicPemOf } from "./public.ts";

export function addKeyShow(parent: Command, context: CliContext): void {
  const command = parent
    .command("show")
    .description("show one key")
    .argument("<key>", "its name, its ID, or the first eight digits of it or more")
    .option(
      "--pem",
      "print its public key as PEM, as `docker trust signer add` and `notary delegation add` take it",
    )
    .addHelpText("after", examples("vidimus key show release", "vidimus key show release --pem"));
  addPassphraseFlags(addKeyFlags(command)).action(async (text: string) => {
    const { json, pem } = command.opts<KeyFlags & { pem?: true }>();
    if (json === true && pem === true)
      command.error("error: give --json or --pem, not both: `vidimus key public --json` has both in it");
    await withKeys(command, context, async (keys) => {
      const { info } = await keys.ring.find(text);
      if (pem === undefined) {
        if (json === true) printKeys(context, [info]);
        else printLine(context, rowsOf(info));
        return;
      }
      context.stdout((await publicPemOf(keys, text)).pem);
    });
  });
}

function rowsOf({ id, algorithm, listed, name, role, repository, place, locked }: KeyInfo): string {
  return formatTable(
    [
      ["ID", id],
      ["kind", algorithm ?? "not known before it is opened"],
      ["public key", listed?.public ?? "not known before it is opened"],
      ["name", name === "" ? "–" : name],
      ["role", role ?? "–"],
      ["repository", repository ?? "–"],
      ["place", place],
      ["locked", locked ? "yes" : "no"],
    ].map((row) => row.map(printable)),
  );
}
