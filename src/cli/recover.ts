/** `vidimus recover accept`: what a store lost is shown, and accepted once somebody says so. */
import { Command } from "commander";
import { exitCodes } from "./exit-codes.ts";
import { addConfigurationFlags, loadFrom } from "./flags.ts";
import { type CliContext, printable, printLine } from "./output.ts";

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
    .description(
      "show what was lost, sign timestamps and snapshots above what clients have seen, and let the server publish again; the server must be stopped",
    )
    .option("--yes", "accept without asking");
  addConfigurationFlags(command).action(async () => {
    const { config } = loadFrom(command, context);
    const { yes } = command.opts<{ yes?: true }>();
    const { recoverStore } = await import("../wire/recover.ts");
    const say = (line: string) => printLine(context, printable(line));
    const outcome = await recoverStore(config, {
      say,
      confirm: async () => yes === true || (await isWanted(context, ask)),
    });
    if (outcome === "sound")
      say("The store is not behind its high-water mark, or there is none: there is nothing to accept.");
    if (outcome === "accepted") say("What is lost is accepted: start the server.");
    finish(outcome === "declined" ? exitCodes.unconfirmed.code : exitCodes.ok.code);
  });
  parent.addCommand(recover);
}

async function isWanted(
  context: CliContext,
  ask: ((question: string) => Promise<string>) | undefined,
): Promise<boolean> {
  if (ask === undefined) {
    context.stderr(
      "Nothing was changed. Restore a newer backup if there is one; to accept the loss, repeat this with --yes.\n",
    );
    return false;
  }
  const answer = await ask(
    "Accept that this is lost? A newer backup cannot be put in its place later. [yes/no] ",
  );
  if (answer.trim().toLowerCase() === "yes") return true;
  context.stderr("Nothing was changed.\n");
  return false;
}
