/** Commands about what ends and what is kept. Loaded by commands that are not the server's alone. */
import type { Command } from "commander";
import { addExpiring } from "./expiring.ts";
import { addGc } from "./gc.ts";
import type { Asking } from "./server.ts";

export function addExpiryCommands(parent: Command, asking: Asking): void {
  addExpiring(parent, asking);
  addGc(parent, asking);
}
