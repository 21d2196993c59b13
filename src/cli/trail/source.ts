/** Where an audit trail is read: in a data directory, beside whoever writes it, or from a running server. */
import type { Command } from "commander";
import type { TrailHead } from "../../core/audit-head.ts";
import type { AuditPage, AuditQuery } from "../../store/contract/audit.ts";
import { addConfigurationFlags, loadFrom } from "../flags.ts";
import type { CliContext } from "../output.ts";

export interface TrailSource {
  list(query: AuditQuery): Promise<AuditPage>;
  /** How far a server says that it has got: nothing of a trail may be kept back that this tells of. Undefined of a data directory. */
  readonly head: TrailHead | undefined;
}

const ofServers = ["ca", "tokenFile", "login", "loginPasswordFile"];

export function addTrailFlags(command: Command): Command {
  command
    .option("--server <url>", "the trail of this running server, in place of a data directory's")
    .option("--ca <file>", "the CA that the server's certificate rests on")
    .option("--token-file <file>", "say who asks by a machine's token, from a file")
    .option("--login <name>", "say who asks by a name and its password")
    .option("--login-password-file <file>", "where that password lies (default: asked for)");
  return addConfigurationFlags(command);
}

export async function withTrailFrom<T>(
  command: Command,
  context: CliContext,
  use: (source: TrailSource) => Promise<T>,
): Promise<T> {
  const flags = command.opts<Readonly<Record<string, unknown>>>();
  if (flags.server === undefined) {
    const lost = ofServers.find((name) => flags[name] !== undefined);
    if (lost !== undefined) {
      const flag = command.options.find((each) => each.attributeName() === lost)?.long ?? lost;
      command.error(`error: ${flag} is of no use without --server`);
    }
    const { config } = loadFrom(command, context);
    const { withTrail } = await import("../../wire/audit.ts");
    return await withTrail(config, (list) => use({ list, head: undefined }));
  }
  const [{ AccessServer }, { headAt, listAt }] = await Promise.all([
    import("../access/server.ts"),
    import("../access/trail.ts"),
  ]);
  const server = await AccessServer.open(command, context);
  try {
    return await use({ list: (query) => listAt(server, query), head: await headAt(server) });
  } finally {
    server.close();
  }
}
