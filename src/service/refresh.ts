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
/** Repositories that are renewed at one time. */
const atOnce = 4;
/** After a look that changed nothing, reads do not ask for another for this long. The sweep has its claims for that. */
const pause = 10_000;

export class Refresher {
  readonly #parts: RefresherParts;
  readonly #underWay = new Map<string, Promise<void>>();
  /** When renewing last failed. */
  readonly #looked = new LRUCache<string, number>({ max: 10_000 });
  #timer: NodeJS.Timeout | undefined;
  #sweep: Promise<void> = Promise.resolve();
  #stopped = false;
  #sweeping = false;

  constructor(parts: RefresherParts) {
    this.#parts = parts;
  }

  /** Looks for due work now and from then on, one look at a time. */
  start(): void {
    this.#sweep = this.#renewDue();
    this.#timer = setInterval(() => {
      if (!this.#sweeping) this.#sweep = this.#renewDue();
    }, this.#parts.interval);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#sweep;
    await Promise.allSettled(this.#underWay.values());
  }

  /**
   * For a read that met an expired role: renews what is due in the repository, if anything is; one renewal for all who
   * ask. Never rejects.
   */
  async renew(repository: string): Promise<void> {
    if (this.#lookedJustNow(repository)) return;
    await this.#renewOnce(repository);
  }

  async #renewOnce(repository: string): Promise<void> {
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
    this.#sweeping = true;
    try {
      for (let found = batch; found === batch && !this.#stopped; ) {
        const now = clock.now();
        const names = [...(await store.claimDue({ now, leaseUntil: now + lease, limit: batch }))];
        found = names.length;
        // Several at a time, so that one signer that hangs does not keep the others waiting.
        const work = async () => {
          for (let name = names.pop(); name !== undefined && !this.#stopped; name = names.pop()) {
            await this.#renewOnce(name);
          }
        };
        await Promise.all(Array.from({ length: atOnce }, work));
      }
    } catch (error) {
      logger.error({ err: error }, "looking for online roles to renew failed; trying again later");
    } finally {
      this.#sweeping = false;
    }
  }

  async #attempt(repository: string): Promise<void> {
    const { store, clock, keys, roles, trusted, cache, format, logger } = this.#parts;
    const at = clock.now();
    const state = await store.state(repository);
    const files = await trusted.load(state);
    const { root, snapshot: oldSnapshot } = files;
    if (root === undefined || oldSnapshot === undefined) return;
    const { revision: before } = state;
    const held = await keys.held(repository, root.signed);
    const timestampKeys = enoughKeys(rootRole(root.signed, "timestamp"), held);
    const hopeless = isExpired(root.signed, at)
      ? "the root has expired"
      : timestampKeys === undefined
        ? "the timestamp key that the root lists is not held here"
        : undefined;
    if (hopeless !== undefined || timestampKeys === undefined) {
      logger.warn(
        { repository },
        `online roles cannot be renewed before its owner publishes a new root: ${hopeless}`,
      );
      return await this.#leave(repository, before, undefined);
    }

    const snapshotKeys = enoughKeys(rootRole(root.signed, "snapshot"), held);
    const madeAt = state.current.get("snapshot")?.storedAt ?? at;
    const snapshotDue =
      snapshotKeys === undefined
        ? Number.POSITIVE_INFINITY
        : roles.renewAt(madeAt, oldSnapshot.signed.expires);
    const due = Math.min(snapshotDue, await this.#timestampDue(repository));
    if (at < due) return await this.#leave(repository, before, due);
    const renewSnapshot = snapshotKeys !== undefined && at >= snapshotDue;
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
    const next = made.map(({ signed }) => roles.renewAt(at, signed.expires));
    const { revision } = await store.commit({
      repository,
      format: format.name,
      expectedRevision: state.revision,
      at,
      kind: "refresh",
      principal: "vidimus",
      metadata: made.map(newMetadata),
      activateKeys: [],
      renewAt: Math.min(...next, renewSnapshot ? Number.POSITIVE_INFINITY : snapshotDue),
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

  /** There is nothing to do now: nobody looks again before `renewAt`, and no read before a pause. */
  async #leave(repository: string, revision: number, renewAt: number | undefined): Promise<void> {
    this.#looked.set(repository, this.#parts.clock.now());
    await this.#parts.store.postpone({ repository, revision, renewAt });
  }

  /** A look that lies ahead of the clock tells that the clock was set back, and nothing else. */
  #lookedJustNow(repository: string): boolean {
    const since = this.#parts.clock.now() - (this.#looked.get(repository) ?? Number.NEGATIVE_INFINITY);
    return since >= 0 && since < pause;
  }

  #noteFailure(repository: string, error: unknown): void {
    // Whatever became of it, and whoever moved the repository on: the next read looks into the store.
    this.#parts.cache.forget(repository);
    if (error instanceof StoreError && error.code === "CONFLICT") return;
    this.#looked.set(repository, this.#parts.clock.now());
    this.#parts.logger.warn(
      { repository, err: error },
      "online roles could not be renewed; serving them as they are",
    );
  }
}
