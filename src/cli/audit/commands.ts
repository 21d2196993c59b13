/** The commands of auditors, and those about keys that a server is told of. Loaded by commands that are not the server's alone. */
import type { Command } from "commander";
import type { Publishing } from "../publishing/tools.ts";
import { addDenials } from "./deny.ts";
import { addQuestions } from "./questions.ts";
import { addRegister } from "./register.ts";

/** `audit`: the command that has those of the trail. */
export function addAuditCommands(parent: Command, audit: Command, publishing: Publishing): void {
  addQuestions(audit, publishing);
  addRegister(parent, publishing);
  const key = parent.commands.find((command) => command.name() === "key");
  if (key !== undefined) addDenials(key, publishing);
}
