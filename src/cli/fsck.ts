/** `vidimus fsck`: verifies the whole store again. One line for each damage as it is found, or one JSON document. */

import type { Command } from "commander";
import { examples } from "../client/cli/examples.ts";
import type { Damage } from "../service/fsck/damage.ts";
import { exitCodes } from "./exit-codes.ts";
import { addConfigurationFlags, loadFrom } from "./flags.ts";
import { type CliContext, printable, printJson, printLine } from "./output.ts";

/** Damages that are listed; the rest is counted. */
const mostListed = 10_000;

/** `finish` is told the exit code. */
export function addFsck(parent: Command, context: CliContext, finish: (code: number) => void): void {
  const command = parent
    .command("fsck")
    .addHelpText("after", examples("vidimus fsck --data /var/lib/vidimus"))
    .description("verify everything in the store again; changes nothing, and may run beside a server")
    .option("--no-keys", "do not open the sealed keys, for a copy of a store without its secret")
    .option("--json", "print JSON");
  addConfigurationFlags(command).action(async () => {
    const { config } = loadFrom(command, context);
    const { json, keys } = command.opts<{ json?: true; keys: boolean }>();
    const { fsck } = await import("../wire/fsck.ts");
    const damages: Damage[] = [];
    let found = 0;
    const examined = await fsck(config, { openKeys: keys }, (damage) => {
      found++;
      if (found > mostListed) return;
      if (json) damages.push(damage);
      else printLine(context, lineOf(damage));
    });
    const notListed = Math.max(0, found - mostListed);
    if (json) printJson(context, { ...examined, damages, notListed });
    else {
      if (notListed > 0) printLine(context, `${notListed} more are not listed.`);
      const { repositories, files, keys: held } = examined;
      const looked = `${repositories} repositories, ${files} files and ${held} keys were verified`;
      printLine(context, found === 0 ? `${looked}: all is well.` : `${looked}: ${found} damages.`);
    }
    finish(found === 0 ? exitCodes.ok.code : exitCodes.damaged.code);
  });
}

function lineOf({ code, repository, role, version, sentence }: Damage): string {
  const file = role === undefined ? "" : ` ${role}${version === undefined ? "" : ` ${version}`}`;
  return `${code}${repository === undefined ? "" : ` ${printable(repository)}`}${file}: ${printable(sentence)}`;
}
