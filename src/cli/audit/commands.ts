/** The commands of auditors, and those about keys that a server is told of. Loaded by commands that are not the server's alone. */
import { Command } from "commander";
import type { Publishing } from "../publishing/tools.ts";
import { addDenials } from "./deny.ts";
import { addQuestions } from "./questions.ts";
import { addRegister } from "./register.ts";

export function addAuditCommands(parent: Command, publishing: Publishing): void {
  const audit = new Command("audit")
    .description("ask a server who could sign, who did, and what changed, at any instant")
    .copyInheritedSettings(parent);
  addQuestions(audit, publishing);
  parent.addCommand(audit);
  addRegister(parent, publishing);
  const key = parent.commands.find((command) => command.name() === "key");
  if (key !== undefined) addDenials(key, publishing);
}
