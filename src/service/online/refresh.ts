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
import { StoreError } from "../../core/errors.ts";
import type { ReadCache } from "../cache.ts";
import { workOnClaims } from "../claims.ts";
import type { Clock } from "../clock.ts";
import type { DamageMet } from "../damage-met.ts";
import type { Queue } from "../queue.ts";
import { servedFromMetadata } from "../served.ts";
import { believing, intactBytes } from "../stored.ts";
import { loadRenewable, type RenewalParts, renewOnlineRoles, snapshotDue } from "./renewal.ts";

export interface RefresherParts extends RenewalParts {
  readonly clock: Clock;
  readonly cache: ReadCache;
  readonly queue: Queue;
  readonly damage: DamageMet;
  readonly logger: Logger;
  /** How often to look for what is due, in milliseconds. */
  readonly interval: number;
  /** What else is looked after as often. Never rejects. */
  readonly alsoTend?: () => Promise<void>;
}

/** Claimed names per look; one process works on a claim for at most the lease. */
const batch = 50;
const lease = 5 * 60_000;
/** Repositories that are renewed at one time, so that one signer that hangs does not keep the others waiting. */
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

  /** For keys that were just taken in: whatever was found before says nothing. Never rejects. */
  async renewAnew(repository: string): Promise<void> {
    this.#looked.delete(repository);
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
      await workOnClaims({
        claim: (limit) => {
          const now = clock.now();
          return store.claimDue({ now, leaseUntil: now + lease, limit });
        },
        batch,
        atOnce,
        isStopped: () => this.#stopped,
        work: (name) => this.#renewOnce(name),
      });
    } catch (error) {
      this.#parts.damage.note(error);
      logger.error({ err: error }, "looking for online roles to renew failed; trying again later");
    }
    try {
      if (!this.#stopped) await this.#parts.alsoTend?.();
    } finally {
      this.#sweeping = false;
    }
  }

  async #attempt(repository: string): Promise<void> {
    const { clock, trusted, cache, logger } = this.#parts;
    const at = clock.now();
    const found = await loadRenewable(this.#parts, repository, at);
    if (found === undefined) return;
    if ("hopeless" in found) {
      logger.warn(
        { repository },
        `online roles cannot be renewed before its owner publishes a new root: ${found.hopeless}`,
      );
      return await this.#leave(repository, found.state.revision, undefined);
    }
    const ofSnapshot = snapshotDue(this.#parts, found, at);
    const due = Math.min(ofSnapshot, await this.#timestampDue(repository));
    if (at < due) return await this.#leave(repository, found.state.revision, due);
    const wanted = { snapshot: at >= ofSnapshot };
    const { revision, made, files } = await renewOnlineRoles(this.#parts, found, wanted, at);
    cache.advance(
      repository,
      revision,
      made.map((file) => servedFromMetadata(file, at)),
    );
    trusted.remember(repository, files);
    logger.debug({ repository, version: made.at(-1)?.signed.version }, "online roles renewed");
  }

  /** When the current timestamp is to be made anew; now, if there is none. */
  async #timestampDue(repository: string): Promise<number> {
    const { store, format, roles } = this.#parts;
    const stored = await store.current(repository, "timestamp");
    if (stored === undefined) return Number.NEGATIVE_INFINITY;
    const { signed } = believing(stored.role, () => format.parse(stored.role, intactBytes(stored)));
    return roles.renewAt(stored.storedAt, signed.expires);
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
    this.#parts.damage.note(error);
    this.#parts.logger.warn(
      { repository, err: error },
      "online roles could not be renewed; serving them as they are",
    );
  }
}
