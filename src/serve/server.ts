/**
 * Brings a server up and takes it down, in order.
 *
 * Invariants: nothing listens before TLS, store and signer are ready; whatever fails on the way up, all that was
 * opened is closed again in reverse; on the way down requests in flight end before the service closes, and the
 * service closes before the store's lock is free.
 */
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import { type Config, isLoopback } from "../config.ts";
import type { AppOptions } from "../http/options.ts";
import type { Clock } from "../service/clock.ts";
import type { TrustService } from "../service/service.ts";
import { prepareDirectory } from "./files.ts";
import { createListener, type ListenAddress, type Listener } from "./listener.ts";
import { openTls, readGivenPair } from "./tls.ts";

/** What `wire.ts` puts in. */
export interface ServerParts {
  /** Opens store and signer; the service is not started yet. `directory`: absolute path of the data directory. */
  readonly openService: (config: Config, directory: string, logger: Logger) => Promise<TrustService>;
  readonly createApp: (options: AppOptions) => Promise<FastifyInstance>;
  /** Reads again what the service was made from. Never rejects. */
  readonly reload?: () => Promise<void>;
}

export interface RunningServer {
  /** Where a client on this machine connects to, without trailing slash; `unix:PATH` for a socket. */
  readonly url: string;
  readonly port: number | undefined;
  /** Absolute path of the data directory. */
  readonly directory: string;
  /** The CA that clients need, when the server made it. */
  readonly authority: { readonly file: string; readonly fingerprint: string } | undefined;
  /** Address of the separate listener for metrics and probes. */
  readonly operations: string | undefined;
  /** Reads certificate and policy again. Never rejects. */
  reload(): Promise<void>;
  /** Ends requests in flight, closes everything. Idempotent. */
  stop(): Promise<void>;
}

type Closer = () => Promise<void> | void;

/**
 * Throws `StartError`, `StoreError` or `SignerError`, with nothing left open. `shared`: one of several readers on one
 * address, beside a writer that renews online roles and makes certificates.
 */
export async function startServer(
  config: Config,
  parts: ServerParts,
  logger: Logger,
  clock: Clock,
  shared = false,
): Promise<RunningServer> {
  const closers: Closer[] = [];
  try {
    return await bringUp(config, parts, logger, clock, closers, shared);
  } catch (error) {
    await closeAll(closers);
    throw error;
  }
}

async function bringUp(
  config: Config,
  { openService, createApp, reload }: ServerParts,
  logger: Logger,
  clock: Clock,
  closers: Closer[],
  shared: boolean,
): Promise<RunningServer> {
  const directory = prepareDirectory(config.data, config.server.readOnly);
  // The operator's own files are checked before anything is written; a certificate is made under the store's lock.
  const given = readGivenPair(config.tls, logger);
  const service = await openService(config, directory, logger);
  closers.push(() => service.close());
  const tls = await openTls({ config, given, directory, clock, logger, reading: shared });
  if (!shared) warnAnonymous(config, logger);

  const separate = config.operations.enabled;
  const main = await openListener({
    address: mainAddress(config),
    secure: !config.server.plainHttp,
    apis: { notary: true, metrics: !separate, probes: !separate },
  });
  const operations = separate
    ? await openListener({
        address: { host: config.operations.host, port: config.operations.port },
        secure: !config.operations.plainHttp,
        apis: { notary: false, metrics: true, probes: true },
      })
    : undefined;
  if (!shared) await service.start();
  const operationsBound = await operations?.listen();
  const bound = await main.listen();
  const reloader = tls?.keepFresh((pair) => {
    main.setCertificate(pair);
    operations?.setCertificate(pair);
  });
  closers.push(() => reloader?.stop());

  let stopped: Promise<void> | undefined;
  return {
    url: bound.url,
    port: bound.port,
    directory,
    authority: tls?.authority,
    operations: operationsBound?.url,
    async reload() {
      await Promise.all([reloader?.reload(), reload?.()]);
    },
    stop() {
      stopped ??= closeAll(closers);
      return stopped;
    },
  };

  async function openListener(options: {
    address: ListenAddress;
    secure: boolean;
    apis: AppOptions["apis"];
  }): Promise<Listener> {
    const listener = createListener({
      address: options.address,
      ...(options.secure && tls !== undefined ? { pair: tls.pair } : {}),
      limits: config.limits,
      shared,
    });
    const app = await createApp({
      ...appOptions(config, service, logger),
      apis: options.apis,
      serverFactory: listener.serverFactory,
    });
    closers.push(() => app.close());
    await app.ready();
    closers.push(() => listener.stop(config.limits.shutdownTimeout));
    return listener;
  }
}

/** Each step gets its chance; the first failure is thrown when all had it. */
async function closeAll(closers: Closer[]): Promise<void> {
  const failures: unknown[] = [];
  for (const close of closers.splice(0).reverse()) {
    try {
      await close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

function mainAddress({ server }: Config): ListenAddress {
  return server.socket === undefined ? { host: server.host, port: server.port } : { socket: server.socket };
}

function appOptions(config: Config, service: TrustService, logger: Logger): Omit<AppOptions, "apis"> {
  return {
    service,
    logger,
    trustedProxies: config.server.trustedProxies,
    repositories: config.repositories,
    caching: { current: config.caching.current / 1_000, consistent: config.caching.consistent / 1_000 },
    limits: config.limits,
  };
}

export function warnAnonymous({ auth, server }: Config, logger: Logger): void {
  if (auth.mode !== "none" || server.socket !== undefined || isLoopback(server.host)) return;
  logger.warn(
    { host: server.host },
    "NO AUTHENTICATION: everybody who reaches this address may publish, rotate keys and delete",
  );
}
