/**
 * The composition root: with `wire/`, the only place that names concrete stores, signers and formats. They are imported
 * lazily, so that a command that needs none of them loads none of them.
 *
 * Here the server; in `wire/` the commands that work on its data (`backup`, `fsck`, `recover`, `rekey`), the processes of
 * `--workers` (`child`), and what all of them open (`store`, `signer`, `settings`).
 */
import { appendFileSync } from "node:fs";
import type { Logger } from "pino";
import type { Config } from "./config.ts";
import { freeBytes } from "./serve/free-space.ts";
import { type RunningServer, startServer } from "./serve/server.ts";
import { systemClock } from "./service/clock.ts";
import type { Standing } from "./service/mark/standing.ts";
import type { PolicyInForce } from "./service/policy-in-force.ts";
import type { TrustService } from "./service/service.ts";
import type { Signer } from "./signer/signer.ts";
import type { Store } from "./store/contract/store.ts";
import type { HighWaterMark } from "./store/mark.ts";
import { type AccessSource, openAccess } from "./wire/access.ts";
import { refuseLost } from "./wire/lost-store.ts";
import { openPolicySource, retellPolicy, tellPolicy } from "./wire/policy.ts";
import { expirySettings, keySettings, roleSettings } from "./wire/settings.ts";
import { openSigner } from "./wire/signer.ts";
import { openMark, openStore } from "./wire/store.ts";

/** Throws `StartError`, `StoreError` or `SignerError`, with nothing left open. */
export async function serve(config: Config, logger: Logger): Promise<RunningServer> {
  const policy = await openPolicySource(config, logger);
  const access = await openAccess(config, logger);
  if (config.server.workers > 0) {
    const { startWorkers } = await import("./serve/cluster.ts");
    const { SupervisorMetrics } = await import("./http/supervisor-metrics.ts");
    return startWorkers(config, policy, logger, new SupervisorMetrics());
  }
  const { createApp } = await import("./http/app.ts");
  const { HttpMetrics } = await import("./http/metrics.ts");
  let metrics: InstanceType<typeof HttpMetrics> | undefined;
  const inForce = await tellPolicy(config, policy.told());
  return startServer(
    config,
    {
      async openService(_config, directory) {
        const backEnds = await openBackEnds(config, directory, logger);
        return await withAccess(access, backEnds, { directory, makes: !config.server.readOnly }, () =>
          createService(config, backEnds, inForce, logger, true),
        );
      },
      async reload() {
        await Promise.all([policy.reload(), access.reload()]);
        await retellPolicy(inForce, config, policy.told());
      },
      // Both listeners of a process count into the same metrics.
      createApp(options) {
        metrics ??= new HttpMetrics(options.service, { freeBytes: () => freeBytes(config.data) });
        return createApp({ ...options, metrics, ...access.options() });
      },
    },
    logger,
    systemClock,
  );
}

/** Opens what knows the callers, then what is given; with the back ends closed again if the first fails. */
export async function withAccess<T>(
  access: AccessSource,
  { store, signer }: BackEnds,
  { directory, makes }: { readonly directory: string; readonly makes: boolean },
  open: () => Promise<T>,
): Promise<T> {
  try {
    await access.opened(directory, store, makes);
  } catch (error) {
    await signer.close();
    await store.close();
    throw error;
  }
  return await open();
}

/** What a service stands on. */
export interface BackEnds {
  readonly store: Store;
  readonly signer: Signer;
  /** The store is behind its high-water mark. */
  readonly behind: boolean;
  /** As in `Standing`. */
  readonly markLag: () => number;
}

export async function openBackEnds(config: Config, directory: string, logger: Logger): Promise<BackEnds> {
  const { store, behind, markLag } = await openStanding(config, directory, logger);
  try {
    // Nothing is signed on a store that is behind, and no secret made for one that was lost.
    const signer = await openSigner(config, directory, store, config.server.readOnly || behind);
    return { store, signer, behind, markLag };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** `delivers`: whether announcements are told by this process. What it stands on is closed with it, and if it throws. */
export async function createService(
  config: Config,
  backEnds: BackEnds,
  policy: PolicyInForce,
  logger: Logger,
  delivers: boolean,
): Promise<TrustService> {
  try {
    return await createOpenService(config, backEnds, policy, logger, delivers);
  } catch (error) {
    await backEnds.signer.close();
    await backEnds.store.close();
    throw error;
  }
}

async function createOpenService(
  config: Config,
  { store, signer, behind, markLag }: BackEnds,
  policy: PolicyInForce,
  logger: Logger,
  delivers: boolean,
): Promise<TrustService> {
  const { createTrustService } = await import("./service/trust.ts");
  const { notary } = await import("./core/format/notary.ts");
  const { openReading } = await import("./wire/reading.ts");
  const { openAnnouncing } = await import("./wire/announcing.ts");
  const { openTlsSource } = await import("./wire/tls-expiry.ts");
  const { tokenSource } = await import("./service/expiry/token-source.ts");
  const announcing = await openAnnouncing(config, store, logger, delivers && !config.server.readOnly);
  return createTrustService({
    store,
    signer,
    format: notary,
    reading: openReading(config, notary, logger),
    clock: systemClock,
    logger,
    policy,
    keys: keySettings(config),
    roles: roleSettings(config),
    cacheBytes: config.limits.cacheBytes,
    proposals: config.proposals,
    refreshInterval: config.online.checkInterval,
    readOnly: config.server.readOnly,
    behind,
    markLag,
    announcer: announcing.announcer,
    expiry: expirySettings(config),
    expirySources: [openTlsSource(config), tokenSource(store.access, systemClock)],
    jobs: announcing.job === undefined ? [] : [announcing.job],
    appendHead: appendTo(config.audit.headFile),
  });
}

function appendTo(file: string | undefined): ((line: string) => void) | undefined {
  return file === undefined ? undefined : (line) => appendFileSync(file, `${line}\n`, { mode: 0o640 });
}

/** The store beside its high-water mark. One in memory has none. */
async function openStanding(config: Config, directory: string, logger: Logger): Promise<Standing> {
  const { readOnly } = config.server;
  refuseLost(config, directory);
  const store = await openStore(config, directory);
  if (config.store.kind === "memory") return { store, behind: false, markLag: () => 0 };
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
