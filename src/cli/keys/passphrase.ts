/** `vidimus key passphrase`: locks a key with another passphrase, in its place. */
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { KeyError } from "../../publisher/custody/errors.ts";
import type { CliContext } from "../output.ts";
import {
  addKeyFlags,
  addNewPassphraseFlag,
  addPassphraseFlags,
  type KeyFlags,
  newSource,
  withKeys,
} from "./flags.ts";
import { nameOf, sayDone } from "./output.ts";

export function addKeyPassphrase(parent: Command, context: CliContext): void {
  const command = parent
    .command("passphrase")
    .description("lock a key in a folder with another passphrase")
    .argument("<key>", "its name, its ID, or the first eight digits of it or more")
    .addHelpText("after", examples("vidimus key passphrase release"));
  addNewPassphraseFlag(addPassphraseFlags(addKeyFlags(command))).action(async (text: string) => {
    const { json } = command.opts<KeyFlags>();
    await withKeys(command, context, async ({ ring, folder, stock, passphrases }) => {
      const { info, custody } = await ring.find(text);
      const store = [folder, ...stock].find((each) => each === custody);
      if (store === undefined) {
        throw new KeyError(
          "KEY_UNSUPPORTED",
          `The key ${info.id} is in ${info.place}, which has no passphrase of ours: change it with the program of that place.`,
        );
      }
      const resealed = await store.reseal(info.id, passphrases, () =>
        passphrases.replacement(`the key ${nameOf(info)}`, newSource(command)),
      );
      sayDone(context, json, resealed, `The key ${nameOf(resealed)} has a new passphrase.`);
    });
  });
}
