/**
 * Renewing online roles ahead of their expiry, so that a repository nobody publishes to stays readable.
 *
 * Work is claimed row by row from the store, so any number of processes may share it. A read that meets an expired
 * online role asks here too; all who ask for one repository wait for one renewal. What cannot be renewed (the root
 * has expired, the keys are not held, the signer is down) is served as it is, said in the log, and tried again later:
 * readers check expiry themselves.
 */
import { LRUCache } from "lru-cache";
import type { Logger } from "pino";
import { StoreError } from "../core/errors.ts";
import type { FileFacts, FormatRules } from "../core/format/format.ts";
import { snapshotEntries } from "../core/publication.ts";
import { enoughKeys } from "../core/threshold.ts";
import { isExpired, rootRole } from "../core/verify.ts";
import type { RepositoryState, Store } from "../store/store.ts";
import type { ReadCache } from "./cache.ts";
import type { Clock } from "./clock.ts";
import { mayHaveHappened } from "./doubt.ts";
import { type OnlineKeys, signers } from "./online-keys.ts";
import type { OnlineRoles } from "./online-roles.ts";
import type { Queue } from "./queue.ts";
import { newMetadata, servedFromMetadata, servedFromStore } from "./served.ts";
import type { TrustedFiles, TrustedFilesCache } from "./trusted.ts";

export interface RefresherParts {
  readonly store: Store;
  readonly format: FormatRules;
  readonly clock: Clock;
  readonly keys: OnlineKeys;
  readonly roles: OnlineRoles;
  readonly trusted: TrustedFilesCache;
  readonly cache: ReadCache;
  readonly queue: Queue;
  readonly logger: Logger;
  /** How often to look for what is due, in milliseconds. */
  readonly interval: number;
}

/** Claimed names per look; one process works on a claim for at most the lease. */
const batch = 50;
const lease = 5 * 60_000;
/** After a failure a repository is left alone for this long. */
const retryAfter = 10_000;

export class Refresher {
  readonly #parts: RefresherParts;
  readonly #underWay = new Map<string, Promise<void>>();
  /** When renewing last failed. */
  readonly #failed = new LRUCache<string, number>({ max: 10_000 });
  #timer: NodeJS.Timeout | undefined;
  #sweep: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(parts: RefresherParts) {
    this.#parts = parts;
  }

  /** Looks for due work now and from then on. */
  start(): void {
    this.#sweep = this.#renewDue();
    this.#timer = setInterval(() => {
      this.#sweep = this.#sweep.then(() => this.#renewDue());
    }, this.#parts.interval);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#sweep;
    await Promise.allSettled(this.#underWay.values());
  }

  /** Renews what is due in one repository, if anything is; one renewal for all who ask. Never rejects. */
  async renew(repository: string): Promise<void> {
    if (this.#failedJustNow(repository)) return;
    let renewal = this.#underWay.get(repository);
    if (renewal === undefined) {
      renewal = this.#parts.queue
        .run(repository, () => this.#attempt(repository))
        .catch((error: unknown) => this.#noteFailure(repository, error))
        .finally(() => this.#underWay.delete(repository));
      this.#underWay.set(repository, renewal);
    }
    await renewal;
  }

  async #renewDue(): Promise<void> {
    const { store, clock, logger } = this.#parts;
    try {
      for (let found = batch; found === batch && !this.#stopped; ) {
        const now = clock.now();
        const names = await store.claimDue({ now, leaseUntil: now + lease, limit: batch });
        for (const name of names) if (!this.#stopped) await this.renew(name);
        found = names.length;
      }
    } catch (error) {
      logger.error({ err: error }, "looking for online roles to renew failed; trying again later");
    }
  }

  async #attempt(repository: string): Promise<void> {
    const { store, clock, keys, roles, trusted, cache, format, logger } = this.#parts;
    const at = clock.now();
    const state = await store.state(repository);
    const files = await trusted.load(state);
    const { root, snapshot: oldSnapshot } = files;
    if (root === undefined || oldSnapshot === undefined) return;
    if (isExpired(root.signed, at)) throw new Error("the root has expired: its owner must publish a new one");
    const held = await keys.held(repository, root.signed);
    const timestampKeys = enoughKeys(rootRole(root.signed, "timestamp"), held);
    if (timestampKeys === undefined)
      throw new Error("the timestamp key that the root lists is not held here");

    const snapshotKeys = enoughKeys(rootRole(root.signed, "snapshot"), held);
    const madeAt = state.current.get("snapshot")?.storedAt ?? at;
    const snapshotDue = roles.renewAt(madeAt, oldSnapshot.signed.expires);
    const renewSnapshot = snapshotKeys !== undefined && at >= snapshotDue;
    if (!renewSnapshot && at < (await this.#timestampDue(repository))) return;
    const snapshot = renewSnapshot
      ? await roles.makeSnapshot(
          state,
          root,
          signers(snapshotKeys, held),
          await this.#entries(state, files),
          at,
        )
      : oldSnapshot;
    const timestamp = await roles.makeTimestamp(state, root, signers(timestampKeys, held), snapshot, at);
    const made = renewSnapshot ? [snapshot, timestamp] : [timestamp];
    const due = [...made.map(({ signed }) => roles.renewAt(at, signed.expires))];
    if (snapshotKeys !== undefined && !renewSnapshot) due.push(snapshotDue);
    const { revision } = await store.commit({
      repository,
      format: format.name,
      expectedRevision: state.revision,
      at,
      kind: "refresh",
      principal: "vidimus",
      metadata: made.map(newMetadata),
      activateKeys: [],
      renewAt: Math.min(...due),
    });
    cache.advance(
      repository,
      revision,
      made.map((file) => servedFromMetadata(file, at)),
    );
    trusted.remember(repository, { ...files, revision, snapshot });
    logger.debug({ repository, version: timestamp.signed.version }, "online roles renewed");
  }

  /** When the current timestamp is to be made anew; now, if there is none. */
  async #timestampDue(repository: string): Promise<number> {
    const { store, format, roles } = this.#parts;
    const stored = await store.current(repository, "timestamp");
    if (stored === undefined) return Number.NEGATIVE_INFINITY;
    return roles.renewAt(stored.storedAt, servedFromStore(format, stored).expires ?? stored.storedAt);
  }

  async #entries(state: RepositoryState, files: TrustedFiles): Promise<ReadonlyMap<string, FileFacts>> {
    const listed = new Set(files.snapshot?.signed.meta.keys());
    return snapshotEntries((await this.#parts.trusted.current(state, files, listed)).facts);
  }

  /** A failure that lies ahead of the clock tells that the clock was set back, and nothing else. */
  #failedJustNow(repository: string): boolean {
    const since = this.#parts.clock.now() - (this.#failed.get(repository) ?? Number.NEGATIVE_INFINITY);
    return since >= 0 && since < retryAfter;
  }

  #noteFailure(repository: string, error: unknown): void {
    // Somebody else moved the repository on: their timestamp is as fresh as ours would have been.
    if (error instanceof StoreError && error.code === "CONFLICT") return;
    if (mayHaveHappened(error)) this.#parts.cache.forget(repository);
    this.#failed.set(repository, this.#parts.clock.now());
    this.#parts.logger.warn(
      { repository, err: error },
      "online roles could not be renewed; serving them as they are",
    );
  }
}
