/** `vidimus key generate`: a new key, locked with a passphrase, in our folder or in the stock clients'. */
import { type Command, Option } from "commander";
import { examples } from "../../client/cli/examples.ts";
import { type CliContext, printable } from "../output.ts";
import { addKeyFlags, addPassphraseFlags, checkNewName, type KeyFlags, withKeys } from "./flags.ts";
import { nameOf, sayDone } from "./output.ts";

interface Flags extends KeyFlags {
  readonly algorithm: "ecdsa" | "ed25519";
  readonly name?: string;
  readonly role?: string;
  readonly repository?: string;
  readonly format: "vidimus" | "notary";
}

export function addKeyGenerate(parent: Command, context: CliContext): void {
  const command = parent
    .command("generate")
    .description("make a key")
    .addOption(
      new Option("--algorithm <name>", "ecdsa (P-256, wanted for a root) or ed25519 (only below root)")
        .choices(["ecdsa", "ed25519"])
        .default("ecdsa"),
    )
    .option("--name <name>", "what to call it")
    .option("--role <role>", "what it is made for, such as root or targets/releases: a word for people")
    .option("--repository <name>", "the repository it is made for")
    .addOption(
      new Option("--format <name>", "the folder it goes to: ours, or the stock clients'")
        .choices(["vidimus", "notary"])
        .default("vidimus"),
    )
    .addHelpText(
      "after",
      examples(
        "vidimus key generate --name release --role targets/releases",
        "vidimus key generate --algorithm ed25519 --name nightly",
        "vidimus key generate --format notary --role root",
      ),
    );
  addPassphraseFlags(addKeyFlags(command)).action(async () => {
    const { algorithm, name = "", role, repository, format, json } = command.opts<Flags>();
    if (format === "notary" && role === undefined) command.error("error: --format notary needs --role");
    if (command.opts<Flags>().name === "")
      command.error("error: --name is empty: give a name, or leave the flag out for a key without one");
    if (format === "notary" && name !== "") command.error("error: the stock clients' keys have no --name");
    await withKeys(command, context, async (keys) => {
      const { folder, stock, passphrases } = keys;
      const { makePrivateKey } = await import("../../publisher/custody/private-key.ts");
      await checkNewName(keys, name);
      const secret = await passphrases.fresh("the new key", role);
      try {
        const store = format === "notary" ? stock[0] : folder;
        const info = await store.add({ key: makePrivateKey(algorithm), name, role, repository }, secret);
        sayDone(context, json, info, `Made the key ${nameOf(info)} in ${printable(info.place)}.`);
      } finally {
        secret.fill(0);
      }
    });
  });
}
