/** The commands about people, teams, machines and permissions. Loaded when one of them may be wanted. */
import type { Command } from "commander";
import type { CliContext } from "../output.ts";
import { addAcl } from "./acl.ts";
import { addTeam } from "./team.ts";
import { addToken } from "./token.ts";
import { addUser } from "./user.ts";

/** `finish` is told the exit code of a command that ends otherwise than well. */
export function addAccessCommands(
  parent: Command,
  context: CliContext,
  finish: (code: number) => void,
): void {
  addUser(parent, context);
  addTeam(parent, context);
  addToken(parent, context);
  addAcl(parent, context, finish);
}
