/**
 * What seals and opens a backup: a passphrase or somebody's key. Neither a passphrase nor an identity is ever taken from
 * the command line, where every user of the machine sees it.
 */
import { type Command, Option } from "commander";
import type { Opening, Sealing } from "../../backup/age.ts";
import { BackupError } from "../../backup/errors.ts";
import type { CliContext } from "../output.ts";

const passphraseFlag = "--passphrase <uri>";
const passphraseHelp =
  "where the passphrase lies: file:PATH, env:NAME, credential:NAME or fd:NUMBER; asked for without";
/** Recipients of one backup. */
const maxRecipients = 20;

export function addSealingFlags(command: Command): Command {
  return command
    .option(passphraseFlag, passphraseHelp)
    .addOption(
      new Option(
        "--recipient <age1…>",
        "seal to the holder of this age key instead; may be repeated",
      ).argParser((text: string, earlier: readonly string[] | undefined) => [...(earlier ?? []), text]),
    );
}

export function addOpeningFlags(command: Command): Command {
  return command
    .option(passphraseFlag, passphraseHelp)
    .option("--identity <file>", "open with the age identity in this file instead");
}

/** Throws `BACKUP_KEY_UNUSABLE`. */
export async function sealingOf(command: Command, context: CliContext): Promise<Sealing> {
  const { passphrase, recipient } = command.opts<{ passphrase?: string; recipient?: readonly string[] }>();
  if (recipient === undefined) return { passphrase: await passphraseFor(passphrase, context, true) };
  if (passphrase !== undefined) throw unusable("Seal to a passphrase or to recipients, not to both.");
  if (recipient.length > maxRecipients) throw unusable(`Give at most ${maxRecipients} recipients.`);
  return { recipients: recipient };
}

/** Throws `BACKUP_KEY_UNUSABLE`. */
export async function openingOf(command: Command, context: CliContext): Promise<Opening> {
  const { passphrase, identity } = command.opts<{ passphrase?: string; identity?: string }>();
  if (identity === undefined) return { passphrase: await passphraseFor(passphrase, context, false) };
  if (passphrase !== undefined) throw unusable("Open with a passphrase or with an identity, not with both.");
  const { readIdentities } = await import("../../backup/identities.ts");
  return { identities: readIdentities(identity) };
}

async function passphraseFor(
  source: string | undefined,
  context: CliContext,
  twice: boolean,
): Promise<string> {
  const { checkPassphrase, readPassphrase } = await import("../../wire/backup.ts");
  if (source !== undefined) return await readPassphrase(source);
  if (context.askHidden === undefined) {
    throw unusable(
      "There is nobody to ask for the passphrase: say with --passphrase where it lies, or give an age key.",
    );
  }
  const passphrase = await checkPassphrase(await ask(context.askHidden, "Passphrase of the backup:"));
  if (twice && (await ask(context.askHidden, "Once more:")) !== passphrase) {
    throw unusable("The two passphrases differ: begin again.");
  }
  return passphrase;
}

async function ask(question: (text: string) => Promise<string>, text: string): Promise<string> {
  try {
    return await question(text);
  } catch (error) {
    throw unusable("No passphrase was given.", error);
  }
}

function unusable(message: string, cause?: unknown): BackupError {
  return new BackupError("BACKUP_KEY_UNUSABLE", message, cause);
}
