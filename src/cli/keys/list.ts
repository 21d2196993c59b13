/** `vidimus key list`: every key at hand. Nothing is opened, nobody is asked. */
import type { Command } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { exitCodes, exitNameOf } from "../exit-codes.ts";
import { type CliContext, printable, printLine } from "../output.ts";
import { addKeyFlags, type KeyFlags, withKeys } from "./flags.ts";
import { keyTable, printKeys } from "./output.ts";

/** `finish` is told the exit code. */
export function addKeyList(parent: Command, context: CliContext, finish: (code: number) => void): void {
  const command = parent
    .command("list")
    .description("list the keys in the folder of Vidimus and in the stock clients' folders")
    .addHelpText("after", examples("vidimus key list", "vidimus key list --json"));
  addKeyFlags(command).action(async () => {
    const { json } = command.opts<KeyFlags>();
    await withKeys(
      command,
      context,
      async ({ ring, folder }) => {
        const { found, faults } = await ring.survey();
        const keys = found.map(({ info }) => info);
        if (json === true) printKeys(context, keys, faults);
        else {
          if (keys.length > 0) printLine(context, keyTable(keys));
          else
            printLine(
              context,
              `There is no key in ${printable(folder.folder)} or the stock clients' folders.`,
            );
          for (const { message } of faults) context.stderr(`${printable(message)}\n`);
        }
        // A key of another kind in an agent or token serves somebody else: nothing is wrong with it.
        const first = faults.find(({ code }) => code !== "KEY_UNSUPPORTED");
        if (first !== undefined) finish(exitCodes[exitNameOf(first)].code);
      },
      true,
    );
  });
}
