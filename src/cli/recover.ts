/**
 * `vidimus recover accept`: what a store lost is shown, and accepted once somebody says so. One line for each repository
 * as it is found, or one JSON document. How it ended has a code of its own, which scripts read.
 */

import { Command } from "commander";
import { examples } from "../client/cli/examples.ts";
import { configuredOutputs, refuseOwnFiles } from "../serve/own-files.ts";
import type { Lost, RecoverCode } from "../wire/recover.ts";
import { type ExitName, exitCodes } from "./exit-codes.ts";
import { addConfigurationFlags, loadFrom } from "./flags.ts";
import { type CliContext, printable, printJson, printLine } from "./output.ts";

/** Repositories that a JSON document lists of each sort; the rest is counted. */
const mostListed = 10_000;

const endings: Readonly<Record<RecoverCode, { readonly exit: ExitName; readonly sentence: string }>> = {
  LOSS_ACCEPTED: { exit: "ok", sentence: "What is lost is accepted: start the server." },
  UNCONFIRMED: {
    exit: "unconfirmed",
    sentence:
      "Nothing was changed. Restore a newer backup if there is one; to accept the loss, repeat this with --yes.",
  },
  NOT_BEHIND: {
    exit: "ok",
    sentence: "The store is not behind its high-water mark: there is nothing to accept, start the server.",
  },
  NO_MARK: {
    exit: "unmarked",
    sentence:
      "There is no high-water mark, so nothing tells what was lost: name its file with store.highWaterMark if it lies elsewhere, or start the server, which makes one from what is stored.",
  },
  MARK_DAMAGED: {
    exit: "unmarked",
    sentence:
      "The store has what can be read of its high-water mark, and the newest of that is damaged: restore the mark's file if there is a copy, or start the server, which makes one from what is stored.",
  },
};

/** `ask`: undefined where nobody can be asked. `finish` is told the exit code. */
export function addRecover(
  parent: Command,
  context: CliContext,
  ask: ((question: string) => Promise<string>) | undefined,
  finish: (code: number) => void,
): void {
  const recover = new Command("recover")
    .description("go on with a store that is behind its high-water mark")
    .copyInheritedSettings(parent);
  const command = recover
    .command("accept")
    .addHelpText("after", examples("vidimus recover accept --data /var/lib/vidimus"))
    .description(
      "show what was lost, sign timestamps and snapshots above what clients have seen, and let the server publish again; the server must be stopped",
    )
    .option("--yes", "accept without asking")
    .option("--json", "print JSON, and do not ask");
  addConfigurationFlags(command).action(async () => {
    const { config, file } = loadFrom(command, context);
    refuseOwnFiles(config, configuredOutputs(config), file);
    const { yes, json } = command.opts<{ yes?: true; json?: true }>();
    const { recoverStore } = await import("../wire/recover.ts");
    const say = (lines: readonly string[]) => {
      if (!json) for (const line of lines) printLine(context, printable(line));
    };
    const lost = new Listed<Lost>();
    const recovered = new Listed<object>();
    const code = await recoverStore(config, {
      lost(each, line) {
        lost.add(each);
        say([line]);
      },
      confirm: async () => yes === true || (!json && (await isWanted(ask))),
      recovered(each, lines) {
        recovered.add(each);
        say(lines);
      },
    });
    const { exit, sentence } = endings[code];
    if (json) {
      const listed = { lost: lost.all, recovered: recovered.all };
      printJson(context, { code, sentence, ...listed, notListed: lost.left + recovered.left });
    } else if (code === "UNCONFIRMED") context.stderr(`${code}: ${sentence}\n`);
    else printLine(context, `${code}: ${sentence}`);
    finish(exitCodes[exit].code);
  });
  parent.addCommand(recover);
}

class Listed<T> {
  readonly all: T[] = [];
  left = 0;

  add(each: T): void {
    if (this.all.length < mostListed) this.all.push(each);
    else this.left++;
  }
}

async function isWanted(ask: ((question: string) => Promise<string>) | undefined): Promise<boolean> {
  if (ask === undefined) return false;
  const answer = await ask(
    "Accept that this is lost? A newer backup cannot be put in its place later. [yes/no] ",
  );
  return answer.trim().toLowerCase() === "yes";
}
