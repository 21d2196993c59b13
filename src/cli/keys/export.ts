/** `vidimus key export`: one key as a file, for another machine, a backup, or another program. */
import { type Command, Option } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { KeyError } from "../../publisher/custody/errors.ts";
import { type CliContext, printable } from "../output.ts";
import {
  addKeyFlags,
  addNewPassphraseFlag,
  addPassphraseFlags,
  type KeyFlags,
  newSource,
  withKeys,
} from "./flags.ts";
import { nameOf, sayDone } from "./output.ts";

interface Flags extends KeyFlags {
  readonly format: "vidimus" | "notary" | "pkcs8";
  readonly role?: string;
  readonly unencrypted?: true;
}

export function addKeyExport(parent: Command, context: CliContext): void {
  const command = parent
    .command("export")
    .description("write a key to a file, locked with its passphrase or a new one")
    .argument("<key>", "its name, its ID, or the first eight digits of it or more")
    .argument("<file>", "a file that is not there yet, or - for standard output")
    .addOption(
      new Option("--format <name>", "ours, the stock clients' PEM, or PKCS#8 for everybody")
        .choices(["vidimus", "notary", "pkcs8"])
        .default("vidimus"),
    )
    .option(
      "--role <role>",
      "with --format notary: the role to be said in the file, instead of the key's own",
    )
    .option("--unencrypted", "with --format notary or pkcs8: leave the key in the clear")
    .addHelpText(
      "after",
      examples(
        "vidimus key export nightly nightly.json",
        "vidimus key export release release.pem --format notary --role targets/releases",
        "vidimus key export release release.p8 --format pkcs8",
      ),
    );
  addNewPassphraseFlag(addPassphraseFlags(addKeyFlags(command))).action(
    async (text: string, path: string) => {
      const { format, role, unencrypted, json } = command.opts<Flags>();
      if (unencrypted && format === "vidimus") command.error("error: our own format is always encrypted");
      await withKeys(command, context, async ({ ring, folder, stock, passphrases }) => {
        const { info, custody } = await ring.find(text);
        const store = [folder, ...stock].find((each) => each === custody);
        if (store === undefined) {
          throw new KeyError(
            "KEY_UNSUPPORTED",
            `The key ${info.id} never leaves ${info.place}: it can only be used there.`,
          );
        }
        const { exportKey, writeExport } = await import("../../publisher/custody/export.ts");
        const { refuseExisting } = await import("../../publisher/custody/key-store.ts");
        // Before anybody is asked for anything.
        if (path !== "-") await refuseExisting(path);
        const taken = await store.take(info.id, passphrases);
        const source = newSource(command);
        const isNew = source !== undefined || taken.secret === undefined;
        let secret = taken.secret;
        try {
          if (isNew && !unencrypted) secret = await passphrases.replacement(`the file ${path}`, source);
          const wanted = { format, role, secret: unencrypted ? undefined : secret };
          const give = (bytes: Buffer) =>
            path === "-" ? context.stdout(bytes.toString("latin1")) : writeExport(path, bytes);
          await exportKey(taken, wanted, give, context.testingOnlyScrypt);
        } finally {
          secret?.fill(0);
          taken.secret?.fill(0);
        }
        if (path === "-") return;
        const how = unencrypted ? "in the clear: whoever reads it has the key" : "locked";
        sayDone(context, json, info, `Wrote the key ${nameOf(info)} to ${printable(path)}, ${how}.`);
      });
    },
  );
}
