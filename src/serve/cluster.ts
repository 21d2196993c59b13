/**
 * The processes of a server with workers, started by node:cluster, which binds the address once. The readers accept from
 * it by themselves, whoever is free first, so that a connection is never in the hands of a process that may be dying
 * while it is passed on, and none waits for the supervisor.
 *
 * Invariants: a child runs the same program on the same Node with the same flags, opens no inspector on SIGUSR1, and
 * sees neither NODE_OPTIONS nor, unless it is the writer, the variable that holds the secret; a free port is chosen
 * here once, so that it stays the same whichever readers come and go; a socket is never open to more than its owner
 * before it has its mode.
 */
import cluster from "node:cluster";
import { type AddressInfo, createServer } from "node:net";
import type { Logger } from "pino";
import type { Config } from "../config.ts";
import { childCommand } from "./child-command.ts";
import type { Forked, Role } from "./keeper.ts";
import { bindError, clearSocket } from "./listener.ts";
import { type RunningServer, warnAnonymous } from "./server.ts";
import { type OwnMetrics, supervise } from "./supervisor.ts";
import type { PolicySource } from "./told-policy.ts";

/** Throws `StartError`, `StoreError` or `SignerError`, with no process left. */
export async function startWorkers(
  config: Config,
  policy: PolicySource,
  logger: Logger,
  metrics: OwnMetrics,
): Promise<RunningServer> {
  const { server, operations } = config;
  if (server.socket !== undefined) {
    await clearSocket(server.socket);
    process.umask(0o077);
  }
  const port = server.socket === undefined ? await settlePort(server) : server.port;
  const operationsPort = operations.enabled ? await settlePort(operations) : operations.port;
  warnAnonymous(config, logger);
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({
    exec: process.argv[1] ?? "",
    args: [childCommand],
    execArgv: [...new Set([...process.execArgv, "--disable-sigusr1"])],
    serialization: "advanced",
  });
  return await supervise(
    { ...config, server: { ...server, port }, operations: { ...operations, port: operationsPort } },
    (role) => fork(role, config),
    policy,
    logger,
    metrics,
  );
}

function fork(role: Role, { signer }: Config): Forked {
  const secret = /^env:(.+)$/.exec(signer.secret ?? "")?.[1];
  const hidden = role === "writer" || secret === undefined ? [] : [secret];
  // A variable that is undefined is left out.
  const worker = cluster.fork(
    Object.fromEntries(["NODE_OPTIONS", ...hidden].map((name) => [name, undefined])),
  );
  // The process itself tells the keeper; unheard, this one would end the supervisor.
  worker.on("error", () => undefined);
  return worker.process;
}

/** The port itself, or a free one for 0. Somebody else could take it before the readers do: then the start fails. */
async function settlePort({ host, port }: { host: string; port: number }): Promise<number> {
  if (port !== 0) return port;
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once("error", (error) => reject(bindError(error, { host, port })));
    probe.listen({ host, port, exclusive: true }, resolve);
  });
  const free = (probe.address() as AddressInfo).port;
  await new Promise((resolve) => probe.close(resolve));
  return free;
}
