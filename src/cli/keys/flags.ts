/**
 * What the commands about keys have in common: the places of keys, where passphrases come from, and the flags for both.
 * A passphrase is never an argument, which every user of the machine sees.
 */
import { type Command, Option } from "commander";
import type { Custody } from "../../publisher/custody/custody.ts";
import { KeyError } from "../../publisher/custody/errors.ts";
import type { KeyFolder } from "../../publisher/custody/key-folder.ts";
import type { Keyring } from "../../publisher/custody/keyring.ts";
import type { PassphraseSource, Passphrases } from "../../publisher/custody/passphrases.ts";
import type { TrustFolder } from "../../publisher/custody/trust-folder.ts";
import { type CliContext, printable } from "../output.ts";

export interface KeyFlags {
  readonly keys?: string;
  readonly trustDir?: readonly string[];
  readonly agent?: string;
  readonly token?: readonly string[];
  readonly passphraseFile?: string;
  readonly passphraseFd?: string;
  readonly input: boolean;
  readonly json?: true;
}

/** Places and passphrases of one command. */
export interface Keys {
  readonly ring: Keyring<Custody>;
  readonly folder: KeyFolder;
  /** The first is where keys in the stock clients' form are put. */
  readonly stock: readonly [TrustFolder, ...TrustFolder[]];
  readonly passphrases: Passphrases;
}

export function addKeyFlags(command: Command): Command {
  return command
    .option("--keys <dir>", "the folder of keys (default: VIDIMUS_KEYS, or ~/.vidimus/keys)")
    .addOption(
      new Option(
        "--trust-dir <dir>",
        "a stock client's trust directory; may be repeated (default: Docker's, and ~/.notary)",
      ).argParser((value: string, all: readonly string[] | undefined) => [...(all ?? []), value]),
    )
    .option("--agent <socket>", "an ssh-agent whose keys are used, too (default: SSH_AUTH_SOCK)")
    .addOption(
      new Option(
        "--token <uri>",
        "a PKCS#11 token: pkcs11:token=NAME?module-path=FILE; may be repeated (default: VIDIMUS_TOKEN)",
      ).argParser((value: string, all: readonly string[] | undefined) => [...(all ?? []), value]),
    )
    .option("--json", "print a document");
}

export function addPassphraseFlags(command: Command): Command {
  return command
    .option("--passphrase-file <file>", "where the passphrase lies (default: VIDIMUS_PASSPHRASE_FILE)")
    .option("--passphrase-fd <number>", "an open descriptor to read it from")
    .option("--no-input", "ask nobody");
}

const newPassphraseFlag = "--new-passphrase-file <file>";

export function addNewPassphraseFlag(command: Command): Command {
  return command.option(newPassphraseFlag, "where the new passphrase lies (default: asked for)");
}

/**
 * Runs a command on the keys, and wipes and closes all that was opened, however it ends. Files and places that could not be read
 * where keys were searched are told as warnings, but for the one that the command fails with.
 * @param tells the command tells them itself
 */
export async function withKeys<T>(
  command: Command,
  context: CliContext,
  run: (keys: Keys) => Promise<T>,
  tells = false,
): Promise<T> {
  const flags = command.opts<KeyFlags>();
  const [{ KeyFolder }, { Keyring }, { Passphrases }, { TrustFolder }, { usualPlaces }, { sshAgent }] =
    await Promise.all([
      import("../../publisher/custody/key-folder.ts"),
      import("../../publisher/custody/keyring.ts"),
      import("../../publisher/custody/passphrases.ts"),
      import("../../publisher/custody/trust-folder.ts"),
      import("../../publisher/custody/places.ts"),
      import("../../publisher/custody/ssh-agent.ts"),
    ]);
  const usual = usualPlaces(context.env);
  const folder = new KeyFolder(flags.keys ?? usual.keys, context.testingOnlyScrypt);
  const [first = "", ...others] = flags.trustDir ?? usual.trustDirectories;
  const stock = [new TrustFolder(first), ...others.map((each) => new TrustFolder(each))] as const;
  const agent = sshAgent({ path: flags.agent, environment: context.env });
  const tokens = await tokensOf(flags, context);
  const ring = new Keyring<Custody>([folder, ...stock, agent, ...tokens]);
  const passphrases = new Passphrases({
    env: context.env,
    // Commands that open nothing have no flag for it.
    ask: flags.input === false ? undefined : context.askHidden,
    named: namedSource(command, flags),
  });
  let failure: unknown;
  try {
    return await run({ ring, folder, stock, passphrases });
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    passphrases.close();
    await ring.close();
    if (!tells) warnOf(ring.met, failure instanceof Error ? failure.message : "", context);
  }
}

/**
 * A key of another kind in an agent or token serves somebody else: nothing is wrong with it.
 * @param said what was told already
 */
export function warnOf(faults: readonly KeyError[], said: string, { stderr }: CliContext): void {
  for (const { code, message } of faults)
    if (code !== "KEY_UNSUPPORTED" && !said.includes(message)) stderr(`Warning: ${printable(message)}\n`);
}

/** Tokens are asked only where one is named: their modules are programs of others. Throws `TOKEN_UNREADABLE`. */
async function tokensOf({ token = [] }: KeyFlags, { env, stderr }: CliContext): Promise<readonly Custody[]> {
  const named = token.length > 0 ? token : (env.VIDIMUS_TOKEN ?? "").split(" ").filter((each) => each !== "");
  if (named.length === 0) return [];
  const [{ pkcs11 }, { readTokenUri }] = await Promise.all([
    import("../../publisher/custody/pkcs11.ts"),
    import("../../publisher/custody/pkcs11/uri.ts"),
  ]);
  return named.map((uri) => {
    const selection = readTokenUri(uri);
    const { module } = selection;
    if (module === undefined) {
      throw new KeyError(
        "TOKEN_UNREADABLE",
        `${uri} names no module: add ?module-path= with the path of the token's shared library.`,
      );
    }
    const warn = (sentence: string) => stderr(`${sentence}\n`);
    return pkcs11({ selection: { ...selection, module }, environment: env, warn });
  });
}

function namedSource(command: Command, flags: KeyFlags): PassphraseSource | undefined {
  const { passphraseFile: file, passphraseFd: descriptor } = flags;
  if (file !== undefined && descriptor !== undefined) {
    command.error("error: give --passphrase-file or --passphrase-fd, not both");
  }
  if (file !== undefined) return { file };
  if (descriptor === undefined) return undefined;
  if (!/^[0-9]{1,4}$/.test(descriptor)) command.error("error: --passphrase-fd takes a number from 0 to 9999");
  return { descriptor: Number(descriptor) };
}

/**
 * For a name that a key is to get. Throws `KEY_UNSUPPORTED` for one that will not do, `KEY_EXISTS` if another key has it.
 * @param id of the key that gets it; undefined if it is not there yet
 */
export async function checkNewName({ ring }: Keys, name: string, id?: string): Promise<void> {
  const { checkName } = await import("../../publisher/custody/key-name.ts");
  checkName(name);
  const other = (await ring.list()).find((each) => name !== "" && each.name === name && each.id !== id);
  if (other === undefined) return;
  throw new KeyError(
    "KEY_EXISTS",
    `The key ${other.id} (${other.place}) is called ${name} already: choose another name.`,
  );
}

/** What `--new-passphrase-file` names. */
export function newSource(command: Command): PassphraseSource | undefined {
  const { newPassphraseFile: file } = command.opts<{ newPassphraseFile?: string }>();
  return file === undefined ? undefined : { file };
}
