/** The commands of publishers. Loaded by commands that are not the server's alone. */
import type { Command } from "commander";
import { addTargets } from "./add.ts";
import { addAdopt } from "./adopt.ts";
import { addOld } from "./old.ts";
import { addProposal } from "./proposal.ts";
import { addPublish } from "./publish.ts";
import { addRepo } from "./repo.ts";
import { addRoles } from "./roles.ts";
import { addSign } from "./sign.ts";
import { addSigningAgain } from "./signing-again.ts";
import type { Publishing } from "./tools.ts";

export function addPublishingCommands(parent: Command, publishing: Publishing): void {
  addRepo(parent, publishing);
  addTargets(parent, publishing);
  addSign(parent, publishing);
  addPublish(parent, publishing);
  addProposal(parent, publishing);
  addRoles(parent, publishing);
  const keys = parent.commands.find((command) => command.name() === "key");
  addSigningAgain(parent, keys, publishing);
  addOld(parent, publishing);
  addAdopt(parent, publishing);
}
