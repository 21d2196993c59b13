/**
 * The composition root: the only file that names concrete stores, signers and formats. They are imported lazily, so
 * that a command that needs none of them loads none of them.
 */
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Config } from "./config.ts";
import { StoreError } from "./core/errors.ts";
import { type RunningServer, startServer } from "./serve/server.ts";
import { systemClock } from "./service/clock.ts";
import type { TrustService } from "./service/service.ts";
import type { Signer } from "./signer/signer.ts";
import type { Store } from "./store/store.ts";

/** In the data directory: the secret that is made where none is configured. */
const secretFile = "kek";

/** Throws `StartError`, `StoreError` or `SignerError`, with nothing left open. */
export async function serve(config: Config, logger: Logger): Promise<RunningServer> {
  if (config.server.workers > 0) {
    const { startWorkers } = await import("./serve/cluster.ts");
    return startWorkers(config, logger);
  }
  const { createApp } = await import("./http/app.ts");
  const { HttpMetrics } = await import("./http/metrics.ts");
  let metrics: InstanceType<typeof HttpMetrics> | undefined;
  return startServer(
    config,
    {
      openService,
      // Both listeners of a process count into the same metrics.
      createApp(options) {
        metrics ??= new HttpMetrics(options.service);
        return createApp({ ...options, metrics });
      },
    },
    logger,
    systemClock,
  );
}

async function openService(config: Config, directory: string, logger: Logger): Promise<TrustService> {
  return createService(config, await openBackEnds(config, directory), logger);
}

export interface BackEnds {
  readonly store: Store;
  readonly signer: Signer;
}

export async function openBackEnds(config: Config, directory: string): Promise<BackEnds> {
  const store = await openStore(config, directory);
  try {
    return { store, signer: await openSigner(config, directory, store) };
  } catch (error) {
    await store.close();
    throw error;
  }
}

export async function createService(
  config: Config,
  { store, signer }: BackEnds,
  logger: Logger,
): Promise<TrustService> {
  const { createTrustService } = await import("./service/trust.ts");
  const { notary } = await import("./core/format/notary.ts");
  return createTrustService({
    store,
    signer,
    format: notary,
    clock: systemClock,
    logger,
    policy: config.policy,
    keys: {
      algorithm: config.signer.algorithm,
      mostPending: config.online.pendingKeys.most,
      pendingLifetime: config.online.pendingKeys.lifetime,
    },
    roles: {
      timestampLifetime: config.online.timestamp.lifetime,
      snapshotLifetime: config.online.snapshot.lifetime,
      renewAfter: config.online.renewal,
    },
    cacheBytes: config.limits.cacheBytes,
    refreshInterval: config.online.checkInterval,
    readOnly: config.server.readOnly,
  });
}

async function openStore(config: Config, directory: string): Promise<Store> {
  switch (config.store.kind) {
    case "memory": {
      const { openMemory } = await import("./store/memory.ts");
      return openMemory();
    }
    case "sqlite": {
      const { openSqlite } = await import("./store/sqlite.ts");
      refuseEmptied(directory);
      return openSqlite({ directory, readOnly: config.server.readOnly });
    }
  }
}

/**
 * A store that has a secret is never empty: what was in it was lost, and must not be taken for a first start. An empty
 * file alone is what a first start leaves that was cut off.
 */
function refuseEmptied(directory: string): void {
  const store = join(directory, "vidimus.sqlite");
  if (!existsSync(store) || !existsSync(join(directory, secretFile)) || statSync(store).size !== 0) return;
  throw new StoreError(
    "STORE_CORRUPT",
    `vidimus.sqlite in the data directory is empty beside ${secretFile}, the secret of the store that it was: restore a backup of it, or remove both to begin anew.`,
  );
}

/** Opens the sealed keys; on the first start of a store its keyring and, by default, the secret are made. */
async function openSigner(config: Config, directory: string, store: Store): Promise<Signer> {
  if (config.server.readOnly) {
    const { absentSigner } = await import("./signer/absent.ts");
    return absentSigner;
  }
  const { createKeyFile, readSecret } = await import("./signer/secret.ts");
  const { createSealedRecord, openSealed } = await import("./signer/sealed.ts");
  const file = join(directory, secretFile);
  const stored = await store.keyring();
  // With a keyring in the store a lost secret is restored from the back-up: a new one would open nothing.
  if (config.signer.secret === undefined && stored === undefined && !existsSync(file)) createKeyFile(file);
  const secret = readSecret(config.signer.secret ?? `file:${file}`);
  const record = stored ?? (await store.createKeyring(await createSealedRecord(secret)));
  return openSealed({ secret, record });
}
