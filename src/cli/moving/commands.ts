/** The commands of moving in from another Notary. */
import type { Command } from "commander";
import type { Publishing } from "../publishing/tools.ts";
import { addImportKeys } from "./import-keys.ts";
import { addImportNotary } from "./import-notary.ts";
import { addImportTrustdir } from "./import-trustdir.ts";

export function addMovingCommands(program: Command, publishing: Publishing): void {
  addImportNotary(program, publishing);
  addImportTrustdir(program, publishing);
  addImportKeys(program, publishing);
}
