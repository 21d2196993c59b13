/** `vidimus key`: the private keys of people. Loaded by commands that are not the server's alone. */
import { Command } from "commander";
import { addKeyCertificate } from "./key-certificate.ts";
import { addKeyExport } from "./key-export.ts";
import { addKeyGenerate } from "./key-generate.ts";
import { addKeyImport } from "./key-import.ts";
import { addKeyList } from "./key-list.ts";
import { addKeyName } from "./key-name.ts";
import { addKeyPassphrase } from "./key-passphrase.ts";
import { addKeyShow } from "./key-show.ts";
import type { CliContext } from "./output.ts";

/** `finish` is told the exit code of a command that ends otherwise than well. */
export function addKeyCommands(parent: Command, context: CliContext, finish: (code: number) => void): void {
  const key = new Command("key")
    .description("make, list, import and export the keys that you sign with")
    .copyInheritedSettings(parent);
  addKeyGenerate(key, context);
  addKeyList(key, context, finish);
  addKeyShow(key, context);
  addKeyCertificate(key, context);
  addKeyImport(key, context, finish);
  addKeyExport(key, context);
  addKeyName(key, context);
  addKeyPassphrase(key, context);
  parent.addCommand(key);
}
