/**
 * Looks over everything that can end, at start and then every few hours: counts it for the metrics, and announces what
 * has come near, once at each distance.
 *
 * Any number of processes may look at one time: the outbox takes each announcement in once. One repository that cannot
 * be looked at keeps nothing from the others.
 */
import { setImmediate } from "node:timers/promises";
import type { Logger } from "pino";
import { VidimusError } from "../../core/errors.ts";
import { choosePublished } from "../../policy/choose.ts";
import type { RepositoryState, Store } from "../../store/contract/store.ts";
import type { Announcer } from "../announce.ts";
import type { Clock } from "../clock.ts";
import type { DamageMet } from "../damage-met.ts";
import type { PolicyInForce } from "../policy-in-force.ts";
import type {
  Expiring,
  Expiry,
  ExpiryKind,
  ExpiryService,
  OldSignatures,
  WalkQuery,
  WatchFacts,
} from "./expiry-service.ts";
import { endsBy, subjectOf } from "./facts.ts";
import type { RepositoryTimes } from "./repository-times.ts";
import { expiryAnnouncement, stageOf } from "./stages.ts";
import { signatureAnnouncement } from "./too-old.ts";

/** Things of the server itself that end: certificates, tokens. */
export interface ExpirySource {
  /** All that may end within `before`; more does no harm. */
  expiries(before: number): Promise<readonly Expiry[]>;
}

export interface ExpirySettings {
  /** Distances in days. */
  readonly days: readonly number[];
  /** How often to look, in milliseconds. */
  readonly interval: number;
}

export interface WatchParts {
  readonly store: Store;
  readonly times: RepositoryTimes;
  readonly sources: readonly ExpirySource[];
  readonly policy: PolicyInForce;
  readonly clock: Clock;
  readonly damage: DamageMet;
  readonly logger: Logger;
  readonly announcer: Announcer | undefined;
  readonly settings: ExpirySettings;
  /** Whether the owner signs the snapshot. Never rejects for a repository that is there. */
  readonly signsSnapshot: (repository: string) => Promise<boolean>;
}

/** Repositories of one question. */
const page = 200;
/** Where so much was found, a page ends with its repository. */
const mostFound = 10_000;
const day = 86_400_000;

export class Watch implements ExpiryService {
  readonly #parts: WatchParts;
  #facts: WatchFacts | undefined;
  #timer: NodeJS.Timeout | undefined;
  #look: Promise<void> | undefined;
  #stopped = false;
  #failing = false;

  constructor(parts: WatchParts) {
    this.#parts = parts;
  }

  start(): void {
    void this.look();
    this.#timer = setInterval(() => void this.look(), this.#parts.settings.interval);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#look;
  }

  now(): number {
    return this.#parts.clock.now();
  }

  facts(): WatchFacts | undefined {
    return this.#facts;
  }

  /** One look at everything; who asks while one is under way waits for that. Never rejects. */
  look(): Promise<void> {
    this.#look ??= this.#lookNow()
      .then(() => {
        this.#failing = false;
      })
      .catch((error: unknown) => {
        const { logger } = this.#parts;
        if (!this.#failing)
          logger.error({ err: error }, "looking for what nears its end failed; trying again");
        this.#failing = true;
      })
      .finally(() => {
        this.#look = undefined;
      });
    return this.#look;
  }

  async expiring({ before, after, limit }: WalkQuery): Promise<Expiring> {
    const found = after === undefined ? (await this.#ownExpiries(before)).filter(endsBy(before)) : [];
    const next = await this.#walk(
      after,
      limit,
      async (state) => {
        found.push(...(await this.#expiriesOf(state, before)).filter(endsBy(before)));
      },
      () => found.length >= mostFound,
    );
    return { found, next };
  }

  async oldSignatures({ before, after, limit }: WalkQuery): Promise<OldSignatures> {
    const found: OldSignatures["found"][number][] = [];
    const { times } = this.#parts;
    const next = await this.#walk(
      after,
      limit,
      async (state) => {
        for (const { role, oldestSigned, undated } of await times.targets(state)) {
          if (undated === 0 && (oldestSigned ?? before) >= before) continue;
          found.push(...(await times.oldSignatures(state, role, before)));
        }
      },
      () => found.length >= mostFound,
    );
    return { found, next };
  }

  /** Resolves to where the next page begins. */
  async #walk(
    after: string | undefined,
    limit: number,
    visit: (state: RepositoryState) => Promise<void>,
    isFull = () => false,
  ): Promise<string | undefined> {
    const { store } = this.#parts;
    const names = await store.repositories({ limit, ...(after !== undefined && { after }) });
    for (const name of names) {
      await visit(await store.state(name));
      if (isFull()) return name;
      // Whoever waits for an answer gets it in between.
      await setImmediate();
    }
    return names.length < limit ? undefined : names.at(-1);
  }

  /** Whose a snapshot is costs more to tell, and is asked only of one that is near. */
  async #expiriesOf(state: RepositoryState, near: number): Promise<Expiry[]> {
    const found = await this.#parts.times.expiries(state);
    const snapshot = found.find(({ kind }) => kind === "snapshot");
    const isOwners =
      snapshot !== undefined &&
      snapshot.expires <= near &&
      (await this.#parts.signsSnapshot(state.repository));
    return isOwners ? found : found.filter((each) => each !== snapshot);
  }

  /** Of the server and its policy. */
  async #ownExpiries(before: number): Promise<Expiry[]> {
    const { sources, policy } = this.#parts;
    const found = new Map<string, Expiry>();
    for (const { authorities } of policy.current.file?.pins.values() ?? []) {
      for (const authority of authorities) {
        found.set(authority.fingerprint256, {
          kind: "pinned_ca",
          repository: "",
          role: "",
          name: subjectOf(authority),
          keyId: "",
          expires: authority.validToDate.getTime(),
        });
      }
    }
    const others = await Promise.all(sources.map((source) => source.expiries(before)));
    return [...found.values(), ...others.flat()];
  }

  async #lookNow(): Promise<void> {
    const { settings, clock, logger } = this.#parts;
    const tally = new Tally(clock.now(), settings.days);
    for (const expiry of await this.#ownExpiries(tally.horizon)) await this.#note(expiry, tally);
    for (let after: string | undefined; ; ) {
      const next = await this.#walk(after, page, async (state) => {
        if (this.#stopped) return;
        try {
          await this.#lookAt(state, tally);
        } catch (error) {
          if (!(error instanceof VidimusError) || error.code === "STORE_UNAVAILABLE") throw error;
          this.#parts.damage.note(error);
          logger.warn({ repository: state.repository, err: error }, "what ends in it could not be told");
        }
      });
      if (this.#stopped) return;
      if (next === undefined) break;
      after = next;
    }
    this.#facts = tally.facts(clock.now());
  }

  async #lookAt(state: RepositoryState, tally: Tally): Promise<void> {
    for (const expiry of await this.#expiriesOf(state, tally.horizon)) {
      await this.#note(expiry, tally);
    }
    const { policy, times, announcer } = this.#parts;
    const { file } = policy.current;
    const chosen = file && choosePublished(file.policy, state.repository);
    const maxAge = chosen !== undefined && "rule" in chosen ? chosen.rule.maxAge : undefined;
    if (maxAge === undefined) return;
    const before = tally.at - maxAge;
    for (const targets of await times.targets(state)) {
      const seen = await times.oldestUndated(state, targets);
      const isOld = (targets.oldestSigned ?? before) < before || (seen?.at ?? before) < before;
      if (!isOld) continue;
      tally.oldSignatures++;
      await announcer?.announce(
        signatureAnnouncement(state.repository, targets, seen, maxAge / day, tally.at),
      );
    }
  }

  async #note(expiry: Expiry, tally: Tally): Promise<void> {
    tally.count(expiry);
    const stage = stageOf(expiry.expires, tally.at, this.#parts.settings.days);
    if (stage === undefined) return;
    await this.#parts.announcer?.announce(expiryAnnouncement(expiry, stage, tally.at));
  }
}

class Tally {
  readonly at: number;
  /** Nothing that ends later is near. */
  readonly horizon: number;
  oldSignatures = 0;
  readonly #days: readonly number[];
  readonly #next = new Map<ExpiryKind, number>();
  readonly #expired = new Map<ExpiryKind, number>();
  readonly #within: Map<number, number>;

  constructor(at: number, days: readonly number[]) {
    this.at = at;
    this.#days = days;
    this.horizon = at + Math.max(0, ...days) * day;
    this.#within = new Map(days.map((each) => [each, 0]));
  }

  count({ kind, expires }: Expiry): void {
    const left = expires - this.at;
    if (left <= 0) {
      this.#expired.set(kind, (this.#expired.get(kind) ?? 0) + 1);
      return;
    }
    this.#next.set(kind, Math.min(this.#next.get(kind) ?? expires, expires));
    for (const each of this.#days) {
      if (left <= each * day) this.#within.set(each, (this.#within.get(each) ?? 0) + 1);
    }
  }

  facts(at: number): WatchFacts {
    const { oldSignatures } = this;
    return { at, next: this.#next, expired: this.#expired, within: this.#within, oldSignatures };
  }
}
