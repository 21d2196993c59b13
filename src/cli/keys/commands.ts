/** `vidimus key`: the private keys of people. Loaded by commands that are not the server's alone. */
import { Command } from "commander";
import type { CliContext } from "../output.ts";
import { addKeyExport } from "./export.ts";
import { addKeyGenerate } from "./generate.ts";
import { addKeyImport } from "./import.ts";
import { addKeyList } from "./list.ts";
import { addKeyName } from "./name.ts";
import { addKeyPassphrase } from "./passphrase.ts";
import { addKeyCertificate, addKeyPublic } from "./public.ts";
import { addKeyShow } from "./show.ts";

/** `finish` is told the exit code of a command that ends otherwise than well. */
export function addKeyCommands(parent: Command, context: CliContext, finish: (code: number) => void): void {
  const key = new Command("key")
    .description("make, list, import and export the keys that you sign with")
    .copyInheritedSettings(parent);
  addKeyGenerate(key, context);
  addKeyList(key, context, finish);
  addKeyShow(key, context);
  addKeyImport(key, context, finish);
  addKeyPublic(key, context);
  addKeyCertificate(key, context);
  addKeyExport(key, context);
  addKeyName(key, context);
  addKeyPassphrase(key, context);
  parent.addCommand(key);
}
