/** `vidimus key name`: what people call a key. */
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { KeyError } from "../../publisher/custody/errors.ts";
import type { CliContext } from "../output.ts";
import { addKeyFlags, checkNewName, type KeyFlags, withKeys } from "./flags.ts";
import { nameOf, sayDone } from "./output.ts";

export function addKeyName(parent: Command, context: CliContext): void {
  const command = parent
    .command("name")
    .description("give a key in the folder of Vidimus a name")
    .argument("<key>", "its present name, its ID, or the first eight digits of it or more")
    .argument("<name>", 'what to call it; "" for nothing')
    .addHelpText("after", examples("vidimus key name nightly weekly"));
  addKeyFlags(command).action(async (text: string, name: string) => {
    const { json } = command.opts<KeyFlags>();
    await withKeys(command, context, async (keys) => {
      const { ring, folder } = keys;
      const { info, custody } = await ring.find(text);
      if (custody !== folder) {
        throw new KeyError(
          "KEY_UNSUPPORTED",
          `The key ${info.id} is in ${info.place}, where keys have no names of ours: import it first, or call it by its ID.`,
        );
      }
      await checkNewName(keys, name, info.id);
      const renamed = await folder.rename(info.id, name);
      sayDone(context, json, renamed, `The key is called ${nameOf(renamed)}.`);
    });
  });
}
