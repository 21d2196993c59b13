/**
 * What the processes of a server with workers are made of: the ordinary service in readers, on a store that only reads
 * and a signer that is elsewhere; store, keys and refresher in the writer.
 */
import type { Logger } from "pino";
import type { Config } from "../config.ts";
import type { SentMetrics } from "../http/aggregate.ts";
import type { Ask } from "../remote/answer.ts";
import { type ChildProcessPort, type RunningChild, runChild } from "../serve/child.ts";
import { prepareDirectory } from "../serve/files.ts";
import { freeBytes } from "../serve/free-space.ts";
import { startServer } from "../serve/server.ts";
import type { Telling } from "../serve/supervisor.ts";
import { openTls, readGivenPair } from "../serve/tls.ts";
import type { ToldPolicy } from "../serve/told-policy.ts";
import { systemClock } from "../service/clock.ts";
import { type BackEnds, createService, openBackEnds, withAccess } from "../wire.ts";
import { openAccess } from "./access.ts";
import { retellPolicy, tellPolicy } from "./policy.ts";

/** In a process that node:cluster started: there `process` has a channel. */
export function runAsChild(): void {
  runChild(process as ChildProcessPort, { reader, writer }, (code) => process.exit(code));
}

/** Answers requests; asks the writer for whatever changes something. */
async function reader(config: Config, told: ToldPolicy, logger: Logger, ask: Ask): Promise<RunningChild> {
  const policy = await tellPolicy(config, told);
  const { createApp } = await import("../http/app.ts");
  const { HttpMetrics } = await import("../http/metrics.ts");
  const { remoteAttempts } = await import("../remote/attempts.ts");
  const access = await openAccess(config, logger, remoteAttempts(ask));
  let metrics: InstanceType<typeof HttpMetrics> | undefined;
  const others = async (own: SentMetrics) => {
    const telling: Telling = { pid: process.pid, metrics: own };
    const answer = await ask("metrics", telling);
    return answer.kind === "done" ? (answer.value as SentMetrics[]) : [];
  };
  const server = await startServer(
    config,
    {
      async openService(_config, directory) {
        const backEnds = await readersBackEnds(config, directory, ask, logger);
        return await withAccess(access, backEnds, { directory, makes: false }, () =>
          createService(config, backEnds, policy, logger, false),
        );
      },
      createApp(options) {
        metrics ??= new HttpMetrics(options.service, { others, freeBytes: () => freeBytes(config.data) });
        return createApp({ ...options, metrics, ...access.options() });
      },
    },
    logger,
    systemClock,
    true,
  );
  const { reload, stop, ...facts } = server;
  return {
    facts,
    handle: async () => ({ kind: "unsent" }),
    metrics: async () => await metrics?.toSend(),
    async reload(retold) {
      await Promise.all([reload(), access.reload(), retellPolicy(policy, config, retold)]);
    },
    stop,
  };
}

/** On a read-only server there is no writer to ask. */
async function readersBackEnds(
  config: Config,
  directory: string,
  ask: Ask,
  logger: Logger,
): Promise<BackEnds> {
  const reading = { ...config, server: { ...config.server, readOnly: true } };
  const local = await openBackEnds(reading, directory, logger);
  if (config.server.readOnly) return local;
  const { remoteStore } = await import("../remote/store.ts");
  const { remoteSigner } = await import("../remote/signer.ts");
  return { ...local, store: remoteStore(local.store, ask), signer: remoteSigner(ask) };
}

/** Holds the lock, the keys and the certificate's authority, and renews what is due. */
async function writer(config: Config, told: ToldPolicy, logger: Logger): Promise<RunningChild> {
  const { HttpMetrics } = await import("../http/metrics.ts");
  const { writersDesk } = await import("../remote/desk.ts");
  const directory = prepareDirectory(config.data, false);
  const given = readGivenPair(config.tls, logger);
  const backEnds = await openBackEnds(config, directory, logger);
  if (config.auth.mode === "builtin") {
    const { prepareBuiltin } = await import("./builtin.ts");
    prepareBuiltin(directory, config);
  }
  const policy = await tellPolicy(config, told);
  const service = await createService(config, backEnds, policy, logger, true);
  try {
    const tls = await openTls({ config, given, directory, clock: systemClock, logger });
    await service.start();
    const reloader = tls?.keepFresh(() => undefined);
    const metrics = new HttpMetrics(service);
    return {
      facts: undefined,
      handle: writersDesk(backEnds.store, backEnds.signer, (operation, error) =>
        logger.error({ err: error, operation }, "what a reader asked for failed"),
      ),
      metrics: () => metrics.toSend(),
      async reload(retold) {
        await Promise.all([reloader?.reload(), retellPolicy(policy, config, retold)]);
      },
      async stop() {
        reloader?.stop();
        await service.close();
      },
    };
  } catch (error) {
    await service.close();
    throw error;
  }
}
