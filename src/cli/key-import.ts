/**
 * `vidimus key import`: takes in the keys of a file, or all of a stock client's trust directory. Each keeps its passphrase
 * unless another is wanted. Everything is opened before anything is written.
 */
import { statSync } from "node:fs";
import { type Command, Option } from "commander";
import { examples } from "../client/cli/examples.ts";
import type { KeyInfo } from "../publisher/custody/custody.ts";
import type { KeyError } from "../publisher/custody/errors.ts";
import type { KeyStore, TakenKey } from "../publisher/custody/key-store.ts";
import { exitCodes, exitNameOf } from "./exit-codes.ts";
import {
  addKeyFlags,
  addNewPassphraseFlag,
  addPassphraseFlags,
  checkNewName,
  type KeyFlags,
  type Keys,
  newSource,
  withKeys,
} from "./key-flags.ts";
import { keyTable, nameOf, printKeys } from "./key-output.ts";
import { keyReport, sayReport } from "./key-report.ts";
import { type CliContext, printable, printLine } from "./output.ts";

interface Flags extends KeyFlags {
  readonly name?: string;
  readonly role?: string;
  readonly repository?: string;
  readonly format: "vidimus" | "notary";
  readonly newPassphrase?: true;
  readonly server?: string;
  readonly ca?: string;
}

/** `finish` is told the exit code. */
export function addKeyImport(parent: Command, context: CliContext, finish: (code: number) => void): void {
  const command = parent
    .command("import")
    .description("take in the keys of a file, or of a stock client's trust directory")
    .argument(
      "<path>",
      "a file of ours, of the stock clients or in PKCS#8; or a directory such as ~/.docker/trust",
    )
    .option("--name <name>", "what to call the key")
    .option("--role <role>", "what it is for, instead of what its file says")
    .option("--repository <name>", "the repository it is for, instead of what its file says")
    .option(
      "--server <url>",
      "with a directory: ask this trust server what is signed today, to say which keys still matter",
    )
    .option("--ca <file>", "PEM of the authority of that server's certificate, instead of the system's")
    .option("--new-passphrase", "ask for a new passphrase instead of keeping the one it has")
    .addOption(
      new Option("--format <name>", "the folder it goes to: ours, or the stock clients'")
        .choices(["vidimus", "notary"])
        .default("vidimus"),
    )
    .addHelpText(
      "after",
      examples(
        "vidimus key import release.pem --keys usb-stick --name release",
        "vidimus key import ~/.docker/trust",
        "vidimus key import nightly.json --format notary --role targets/nightly --trust-dir trust",
      ),
    );
  addNewPassphraseFlag(addPassphraseFlags(addKeyFlags(command))).action(async (path: string) => {
    const { format, json, ...flags } = command.opts<Flags>();
    if (flags.name === "")
      command.error("error: --name is empty: give a name, or leave the flag out for a key without one");
    if (format === "notary" && flags.name !== undefined) {
      command.error("error: the stock clients' keys have no --name");
    }
    await withKeys(command, context, async (keys) => {
      await checkNewName(keys, flags.name ?? "");
      const store = format === "notary" ? keys.stock[0] : keys.folder;
      const { taken, there, faults } = await takeAll(path, keys, store, context);
      try {
        if (flags.name !== undefined && taken.length + there.length > 1) {
          command.error("error: --name is for one key, and there are several");
        }
        const added = await addAll(taken, store, command, keys);
        const source = { trustDirectory: path, server: flags.server, ca: flags.ca };
        const report = isDirectory(path)
          ? await keyReport(source, [...(await keys.ring.list()), ...added], context)
          : undefined;
        if (json === true) printKeys(context, added, faults, report?.repositories);
        else say(context, added, there, faults);
        if (json !== true && report !== undefined) sayReport(context, report);
      } finally {
        for (const { secret } of taken) secret?.fill(0);
      }
      const [first] = faults;
      if (first !== undefined) finish(exitCodes[exitNameOf(first)].code);
    });
  });
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

interface Taken {
  readonly taken: readonly TakenKey[];
  /** Keys that are in the store already. */
  readonly there: readonly KeyInfo[];
  readonly faults: readonly KeyError[];
}

async function takeAll(path: string, keys: Keys, store: KeyStore, context: CliContext): Promise<Taken> {
  const { takeFile } = await import("../publisher/custody/foreign-file.ts");
  if (!isDirectory(path)) {
    return { taken: await takeFile(path, keys.passphrases), there: [], faults: [] };
  }
  const { TrustFolder } = await import("../publisher/custody/trust-folder.ts");
  const { KeyError } = await import("../publisher/custody/errors.ts");
  const source = new TrustFolder(path);
  const [found, faults, known] = [await source.list(), await source.faults(), await store.list()];
  if (found.length === 0 && faults.length === 0) {
    throw new KeyError(
      "KEY_UNKNOWN",
      `There are no keys of a stock client in ${source.folder}: name its trust directory.`,
    );
  }
  context.stderr(`${keyTable(found)}\n`);
  const ids = new Set(known.map(({ id }) => id));
  const taken: TakenKey[] = [];
  for (const { id } of found) if (!ids.has(id)) taken.push(await source.take(id, keys.passphrases));
  return { taken, there: found.filter(({ id }) => ids.has(id)), faults };
}

async function addAll(
  taken: readonly TakenKey[],
  store: KeyStore,
  command: Command,
  { passphrases }: Keys,
): Promise<readonly KeyInfo[]> {
  const { name, role, repository, newPassphrase } = command.opts<Flags>();
  const source = newSource(command);
  const added: KeyInfo[] = [];
  for (const one of taken) {
    const isKept = newPassphrase === undefined && source === undefined && one.secret !== undefined;
    const secret = isKept
      ? Buffer.from(one.secret)
      : await passphrases.replacement(`the key ${one.info.id}`, source);
    try {
      const said = {
        name: name ?? one.name,
        role: role ?? one.role,
        repository: repository ?? one.repository,
      };
      added.push(await store.add({ key: one.key, ...said }, secret));
    } finally {
      secret.fill(0);
    }
  }
  return added;
}

function say(
  context: CliContext,
  added: readonly KeyInfo[],
  there: readonly KeyInfo[],
  faults: readonly KeyError[],
): void {
  for (const info of added) printLine(context, `Took in the key ${nameOf(info)}: ${printable(info.place)}.`);
  for (const { id } of there) printLine(context, `The key ${id} is there already.`);
  for (const { message } of faults) context.stderr(`${printable(message)}\n`);
}
