import type { Command } from "commander";
import type { ClientContext } from "./context.ts";

/** The version of the client's package; `tools/client-package.ts` holds it to client/package.json. */
export const clientVersion = "0.1.0";

/** `version` of the client's own executable; `vidimus` has one of its own. */
export function addVersion(parent: Command, { stdout }: ClientContext): void {
  parent
    .command("version")
    .description("print the versions of the client and of Node")
    .action(() => stdout(`vidimus-client ${clientVersion} (Node ${process.versions.node})\n`));
}
