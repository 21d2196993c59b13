/** The commands of moving in from another Notary, back, and of standing beside one. */
import type { Command } from "commander";
import type { Publishing } from "../publishing/tools.ts";
import { addExportNotary } from "./export-notary.ts";
import { addImportKeys } from "./import-keys.ts";
import { addImportNotary } from "./import-notary.ts";
import { addImportTrustdir } from "./import-trustdir.ts";
import { addShadow } from "./shadow.ts";

export function addMovingCommands(program: Command, publishing: Publishing): void {
  addImportNotary(program, publishing);
  addImportTrustdir(program, publishing);
  addImportKeys(program, publishing);
  addExportNotary(program, publishing);
  addShadow(program, publishing);
}
