/**
 * `vidimus key import`: takes in the keys of a file, or all of a stock client's trust directory. Each keeps its passphrase
 * unless another is wanted. Everything is opened before anything is written.
 */
import { statSync } from "node:fs";
import { type Command, Option } from "commander";
import { examples } from "../../client/cli/examples.ts";
import type { KeyInfo } from "../../publisher/custody/custody.ts";
import type { KeyStore, TakenKey } from "../../publisher/custody/key-store.ts";
import { placeFlags } from "../flags.ts";
import { type CliContext, printable, printLine } from "../output.ts";
import {
  addKeyFlags,
  addNewPassphraseFlag,
  addPassphraseFlags,
  checkNewName,
  type KeyFlags,
  type Keys,
  newSource,
  withKeys,
} from "./flags.ts";
import { importFolder } from "./import-folder.ts";
import { nameOf, printKeys } from "./output.ts";

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
    const kind = kindOf(path);
    const isFolder = kind === "folder";
    if (kind === "file" && (flags.server !== undefined || flags.ca !== undefined)) {
      command.error("error: --server and --ca are for a directory: a file alone is taken in without asking");
    }
    if (isFolder && flags.name !== undefined) {
      command.error("error: --name is for one key: name its file instead of a directory");
    }
    await withKeys(
      command,
      context,
      async (keys) => {
        await checkNewName(keys, flags.name ?? "");
        const store = format === "notary" ? keys.stock[0] : keys.folder;
        const add = (taken: TakenKey) => addOne(taken, store, command, keys);
        if (isFolder) {
          const { server, ca } = flags;
          finish(
            await importFolder(
              { directory: path, server, ca, place: placeFlags(command), json: json === true },
              { keys, store, add },
              context,
            ),
          );
          return;
        }
        const { takeFile } = await import("../../publisher/custody/foreign-file.ts");
        const taken = await takeFile(path, keys.passphrases);
        const added: KeyInfo[] = [];
        try {
          if (flags.name !== undefined && taken.length > 1) {
            command.error("error: --name is for one key, and there are several");
          }
          for (const one of taken) added.push(await add(one));
        } finally {
          for (const { secret } of taken) secret?.fill(0);
        }
        if (json === true) printKeys(context, added);
        else
          for (const info of added)
            printLine(context, `Took in the key ${nameOf(info)}: ${printable(info.place)}.`);
      },
      isFolder,
    );
  });
}

/** Undefined where there is nothing, or nothing that can be looked at: whoever reads it says why. */
function kindOf(path: string): "folder" | "file" | undefined {
  try {
    return statSync(path).isDirectory() ? "folder" : "file";
  } catch {
    return undefined;
  }
}

/** Under its own passphrase, or another that is wanted. */
async function addOne(
  taken: TakenKey,
  store: KeyStore,
  command: Command,
  { passphrases }: Keys,
): Promise<KeyInfo> {
  const { name, role, repository, newPassphrase } = command.opts<Flags>();
  const source = newSource(command);
  const isKept = newPassphrase === undefined && source === undefined && taken.secret !== undefined;
  const secret = isKept
    ? Buffer.from(taken.secret)
    : await passphrases.replacement(`the key ${taken.info.id}`, source);
  try {
    const said = {
      name: name ?? taken.name,
      role: role ?? taken.role,
      repository: repository ?? taken.repository,
    };
    return await store.add({ key: taken.key, ...said }, secret);
  } finally {
    secret.fill(0);
  }
}
