/**
 * The composition root: with `wire/`, the only place that names concrete stores, signers and formats. They are imported
 * lazily, so that a command that needs none of them loads none of them.
 */
import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Logger } from "pino";
import type { Config } from "./config.ts";
import { StoreError } from "./core/errors.ts";
import { prepareDirectory } from "./serve/files.ts";
import { type RunningServer, startServer } from "./serve/server.ts";
import { systemClock } from "./service/clock.ts";
import type { Damage, Examined } from "./service/fsck/damage.ts";
import type { RecoverParts } from "./service/mark/recover.ts";
import type { Standing } from "./service/mark/standing.ts";
import type { OnlineKeySettings } from "./service/online-keys.ts";
import type { OnlineRoleSettings } from "./service/online-roles.ts";
import type { PolicyInForce } from "./service/policy-in-force.ts";
import type { TrustService } from "./service/service.ts";
import type { Signer } from "./signer/signer.ts";
import type { HighWaterMark } from "./store/mark.ts";
import type { Store } from "./store/store.ts";
import { openPolicySource, retellPolicy, tellPolicy } from "./wire/policy.ts";

/** In the data directory: the secret that is made where none is configured. */
const secretFile = "kek";

/** Throws `StartError`, `StoreError` or `SignerError`, with nothing left open. */
export async function serve(config: Config, logger: Logger): Promise<RunningServer> {
  const policy = await openPolicySource(config, logger);
  if (config.server.workers > 0) {
    const { startWorkers } = await import("./serve/cluster.ts");
    return startWorkers(config, policy, logger);
  }
  const { createApp } = await import("./http/app.ts");
  const { HttpMetrics } = await import("./http/metrics.ts");
  let metrics: InstanceType<typeof HttpMetrics> | undefined;
  const inForce = await tellPolicy(config, policy.told());
  return startServer(
    config,
    {
      openService: async (_config, directory) =>
        createService(config, await openBackEnds(config, directory, logger), inForce, logger),
      async reload() {
        await policy.reload();
        await retellPolicy(inForce, config, policy.told());
      },
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

/** What a service stands on. */
export interface BackEnds {
  readonly store: Store;
  readonly signer: Signer;
  /** The store is behind its high-water mark. */
  readonly behind: boolean;
}

export async function openBackEnds(config: Config, directory: string, logger: Logger): Promise<BackEnds> {
  const { store, behind } = await openStanding(config, directory, logger);
  try {
    // Nothing is signed on a store that is behind, and no secret made for one that was lost.
    const signer = await openSigner(config, directory, store, config.server.readOnly || behind);
    return { store, signer, behind };
  } catch (error) {
    await store.close();
    throw error;
  }
}

export async function createService(
  config: Config,
  { store, signer, behind }: BackEnds,
  policy: PolicyInForce,
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
    policy,
    keys: keySettings(config),
    roles: roleSettings(config),
    cacheBytes: config.limits.cacheBytes,
    refreshInterval: config.online.checkInterval,
    readOnly: config.server.readOnly,
    behind,
  });
}

/** The store beside its high-water mark. One in memory has none. */
async function openStanding(config: Config, directory: string, logger: Logger): Promise<Standing> {
  const { readOnly } = config.server;
  const store = await openStore(config, directory);
  if (config.store.kind === "memory") return { store, behind: false };
  const { takeStanding } = await import("./service/mark/standing.ts");
  let mark: HighWaterMark | undefined;
  try {
    mark = await openMark(config, directory, readOnly);
    return await takeStanding(store, mark, { logger, readOnly });
  } catch (error) {
    await mark?.close();
    await store.close();
    throw error;
  }
}

async function openMark(config: Config, directory: string, readOnly: boolean): Promise<HighWaterMark> {
  const { openMarkFile } = await import("./store/mark-file.ts");
  const path = config.store.highWaterMark ?? join(directory, "high-water-mark");
  return await openMarkFile({ path: resolve(path), readOnly });
}

function keySettings({ signer, online }: Config): OnlineKeySettings {
  return {
    algorithm: signer.algorithm,
    mostPending: online.pendingKeys.most,
    pendingLifetime: online.pendingKeys.lifetime,
  };
}

function roleSettings({ online }: Config): OnlineRoleSettings {
  return {
    timestampLifetime: online.timestamp.lifetime,
    snapshotLifetime: online.snapshot.lifetime,
    renewAfter: online.renewal,
  };
}

export async function openStore(config: Config, directory: string): Promise<Store> {
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
 * Verifies the configured store, read beside whoever writes it. Throws what `serve` throws for a reader, and
 * `BAD_SECRET` unless the keys are left closed.
 */
export async function fsck(
  config: Config,
  options: { readonly openKeys: boolean },
  tell: (damage: Damage) => void,
): Promise<Examined> {
  const { checkStore } = await import("./service/fsck/fsck.ts");
  const { inspectSqlite } = await import("./store/sqlite/inspection.ts");
  const { notary } = await import("./core/format/notary.ts");
  const { readSecret } = await import("./signer/secret.ts");
  const { openSealed } = await import("./signer/sealed.ts");
  const directory = openableDirectory(config);
  const openSigner = (record: Uint8Array) =>
    openSealed({ secret: readSecret(secretSource(config, directory)), record });
  const inspection = inspectSqlite(directory);
  try {
    return await checkStore(
      { inspection, format: notary, openSigner: options.openKeys ? openSigner : undefined },
      tell,
    );
  } finally {
    inspection.close();
  }
}

/**
 * Accepts what the configured store has lost against its high-water mark, if `confirm` says so when it was shown. Holds
 * the store's lock. Throws what `serve` throws.
 */
export async function recoverStore(
  config: Config,
  { say, confirm }: { readonly say: (line: string) => void; readonly confirm: () => Promise<boolean> },
): Promise<"sound" | "declined" | "accepted"> {
  const { isBehind, renewMark } = await import("./service/mark/standing.ts");
  const { findBehind } = await import("./service/mark/behind.ts");
  const { acceptLoss } = await import("./service/mark/recover.ts");
  const { lineOfLoss, linesOfRecovery } = await import("./service/mark/account.ts");
  const directory = openableDirectory(config);
  const writing = { ...config, server: { ...config.server, readOnly: false } };
  const store = await openStore(writing, directory);
  let mark: HighWaterMark | undefined;
  try {
    mark = await openMark(config, directory, false);
    if (!(await isBehind(store, mark))) return "sound";
    for await (const behind of findBehind(store, mark)) say(lineOfLoss(behind));
    if (!(await confirm())) return "declined";
    const signer = await openSigner(config, directory, store, false);
    try {
      const parts = await renewalParts(config, store, signer);
      for await (const behind of findBehind(store, mark)) {
        for (const line of linesOfRecovery(await acceptLoss(parts, behind))) say(line);
      }
    } finally {
      await signer.close();
    }
    await renewMark(store, mark);
    return "accepted";
  } finally {
    await mark?.close();
    await store.close();
  }
}

async function renewalParts(config: Config, store: Store, signer: Signer): Promise<RecoverParts> {
  const { notary: format } = await import("./core/format/notary.ts");
  const { OnlineKeys } = await import("./service/online-keys.ts");
  const { OnlineRoles } = await import("./service/online-roles.ts");
  const { TrustedFilesCache } = await import("./service/trusted.ts");
  const keys = new OnlineKeys(store, signer, format, systemClock, keySettings(config));
  const roles = new OnlineRoles(keys, format, roleSettings(config));
  const trusted = new TrustedFilesCache(store, format, config.limits.cacheBytes);
  return { store, format, clock: systemClock, keys, roles, trusted };
}

/** Of a store that can be opened by a command. Throws `DATA_UNUSABLE`, `STORE_UNAVAILABLE`. */
function openableDirectory(config: Config): string {
  if (config.store.kind === "sqlite") return prepareDirectory(config.data, true);
  throw new StoreError(
    "STORE_UNAVAILABLE",
    "store.kind is memory, which is empty outside its server: name the configuration of a store that is kept.",
  );
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

/** Where the key-encryption secret lies. */
export function secretSource(config: Config, directory: string): string {
  return config.signer.secret ?? `file:${join(directory, secretFile)}`;
}

/** Opens the sealed keys; on the first start of a store its keyring and, by default, the secret are made. */
async function openSigner(
  config: Config,
  directory: string,
  store: Store,
  readOnly: boolean,
): Promise<Signer> {
  if (readOnly) {
    const { absentSigner } = await import("./signer/absent.ts");
    return absentSigner;
  }
  const { createKeyFile, readSecret, wipeSecret } = await import("./signer/secret.ts");
  const { createSealedRecord, openSealed, unlock } = await import("./signer/sealed.ts");
  const file = join(directory, secretFile);
  const source = secretSource(config, directory);
  const stored = await store.keyring();
  // With a keyring in the store a lost secret is restored from the back-up: a new one would open nothing.
  if (config.signer.secret === undefined && stored === undefined && !existsSync(file)) createKeyFile(file);
  const secret = stored === undefined ? readSecret(source) : await unlock(source, stored);
  try {
    const record = stored ?? (await store.createKeyring(await createSealedRecord(secret)));
    return await openSealed({ secret, record });
  } finally {
    wipeSecret(secret);
  }
}
