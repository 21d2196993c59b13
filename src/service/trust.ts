/**
 * The service, put together from its parts: in one file because it is the list of them. Reads are here; each of the rest has a
 * file of its own.
 */
import type { Logger } from "pino";
import { VidimusError } from "../core/errors.ts";
import type { FormatRules } from "../core/format/format.ts";
import type { Signer } from "../signer/signer.ts";
import type { OutboxFacts } from "../store/contract/outbox.ts";
import type {
  ChangeQuery,
  ChangeRecord,
  Eventually,
  OnlineRole,
  PastMetadata,
  Store,
} from "../store/contract/store.ts";
import type { Announcer } from "./announce.ts";
import { Audit } from "./audit/audit.ts";
import { ReadCache } from "./cache.ts";
import type { Clock } from "./clock.ts";
import { DamageMet } from "./damage-met.ts";
import { openWatch, type WatchOptions } from "./expiry/open-watch.ts";
import type { Watch } from "./expiry/watch.ts";
import { KeyAdoptions } from "./imports/key-adoption.ts";
import { Imports } from "./imports.ts";
import { type OnlineKeySettings, OnlineKeys } from "./online/keys.ts";
import { Refresher } from "./online/refresh.ts";
import { type OnlineRoleSettings, OnlineRoles } from "./online/roles.ts";
import type { PolicyInForce } from "./policy-in-force.ts";
import { type ProposalSettings, proposalDefaults } from "./proposals/proposal-service.ts";
import { Proposals } from "./proposals.ts";
import { Publisher } from "./publish.ts";
import { Queue } from "./queue.ts";
import { type Reading, readingHere } from "./reading.ts";
import { Refusals } from "./refusals.ts";
import { RetentionJob } from "./retention/retention.ts";
import { type ServedFile, servedCurrent, servedFromStore } from "./served.ts";
import type { Principal, PublicKey, Served, TrailService, TrustService, UploadedFile } from "./service.ts";
import { AuditHeads, announcingInLog, trailService } from "./trail/heads.ts";
import { TrustedFilesCache } from "./trusted.ts";
import { behindSentence, checkWritable } from "./writable.ts";

export interface TrustOptions extends WatchOptions {
  readonly store: Store;
  readonly signer: Signer;
  readonly format: FormatRules;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly policy: PolicyInForce;
  readonly keys: OnlineKeySettings;
  readonly roles: OnlineRoleSettings;
  /** Where files are read. Absent: here. */
  readonly reading?: Reading;
  /** Bytes of served files kept in memory, and of verified ones. */
  readonly cacheBytes: number;
  /** How often to look for online roles that are due, in milliseconds. */
  readonly refreshInterval: number;
  /** Never sign and never write. */
  readonly readOnly: boolean;
  /** The store lacks what it once had (`mark/standing.ts`): likewise, and every answer about health says so. */
  readonly behind: boolean;
  /** Milliseconds since the oldest commit that the high-water mark lacks; 0 when it lacks none. */
  readonly markLag: () => number;
  /** What else this process does by itself while it may write. */
  readonly jobs?: readonly Job[];
  /** Absent: the log is told. */
  readonly announcer?: Announcer;
  /** Where signed heads of the audit trail are written, a line each. */
  readonly appendHead?: ((line: string) => void) | undefined;
  /** Other bounds of proposals than the usual ones. */
  readonly proposals?: Partial<ProposalSettings>;
}

/** Started with the service, and stopped before its store is closed. */
export interface Job {
  start(): void;
  stop(): Promise<void>;
}

export function createTrustService(options: TrustOptions): TrustService {
  const { store, signer, format, clock, logger, policy } = options;
  const cache = new ReadCache(options.cacheBytes, store);
  const reading = options.reading ?? readingHere(format);
  const trusted = new TrustedFilesCache(store, format, options.cacheBytes, reading);
  const queue = new Queue();
  const keys = new OnlineKeys(store, signer, format, clock, options.keys);
  const roles = new OnlineRoles(keys, format, options.roles);
  const damage = new DamageMet();
  const shared = { store, format, clock, keys, roles, trusted, cache, queue, reading, logger, damage };
  const publisher = new Publisher({ ...shared, policy });
  const proposals = new Proposals({
    ...shared,
    policy,
    publisher,
    settings: { ...proposalDefaults, ...options.proposals },
    checkWritable: () => checkWritable(options),
  });
  const heads = new AuditHeads({
    store,
    signer,
    clock,
    logger,
    algorithm: options.keys.algorithm,
    announcer: options.announcer ?? announcingInLog(logger),
    append: options.appendHead,
  });
  const refusals = new Refusals({ store, clock, logger, closed: options.readOnly || options.behind });
  const alsoTend = async () => {
    await proposals.tend();
    // So that the hour that is over is whole as far as this process knows.
    await refusals.flush();
    await heads.tend();
  };
  const refresher = new Refresher({ ...shared, interval: options.refreshInterval, alsoTend });
  return new Service(
    { ...options, reading, damage },
    cache,
    trusted,
    queue,
    keys,
    publisher,
    refresher,
    proposals,
    openWatch(options, { ...shared, policy }),
    new RetentionJob({ ...shared, policy, checkWritable: () => checkWritable(options) }),
    refusals,
    new KeyAdoptions({ ...shared, signer, refresher, checkWritable: () => checkWritable(options) }),
    new Imports({ ...shared, policy, checkWritable: () => checkWritable(options) }),
  );
}

interface ServiceOptions extends TrustOptions {
  readonly reading: Reading;
  readonly damage: DamageMet;
}

class Service implements TrustService {
  readonly #options: ServiceOptions;
  readonly #cache: ReadCache;
  readonly #trusted: TrustedFilesCache;
  readonly #queue: Queue;
  readonly #keys: OnlineKeys;
  readonly #publisher: Publisher;
  readonly #refresher: Refresher;
  /** Parts that could not be used when they were last asked, by name, with the code of the reason. */
  readonly #failing = new Map<string, string>();
  readonly proposals: Proposals;
  readonly audit: Audit;
  readonly expiry: Watch;
  readonly retention: RetentionJob;
  readonly trail: TrailService;
  readonly refusals: Refusals;
  readonly adoption: KeyAdoptions;
  readonly imports: Imports;

  constructor(
    options: ServiceOptions,
    cache: ReadCache,
    trusted: TrustedFilesCache,
    queue: Queue,
    keys: OnlineKeys,
    publisher: Publisher,
    refresher: Refresher,
    proposals: Proposals,
    expiry: Watch,
    retention: RetentionJob,
    refusals: Refusals,
    adoption: KeyAdoptions,
    imports: Imports,
  ) {
    this.#options = options;
    this.#cache = cache;
    this.#trusted = trusted;
    this.#queue = queue;
    this.#keys = keys;
    this.#publisher = publisher;
    this.#refresher = refresher;
    this.proposals = proposals;
    const { store, format, clock, reading } = options;
    this.audit = new Audit({
      store,
      format,
      clock,
      reading,
      checkWritable: () => this.checkWritable(),
      afterAllowing: () => proposals.tend(),
    });
    this.expiry = expiry;
    this.retention = retention;
    this.trail = trailService(options.store);
    this.refusals = refusals;
    this.adoption = adoption;
    this.imports = imports;
  }

  current(repository: string, role: string): Eventually<Served | undefined> {
    const found = this.#loadCurrent(repository, role);
    if (!(found instanceof Promise) && !this.#mustBeRenewed(found)) return found;
    return this.#renewed(repository, role, found);
  }

  async #renewed(
    repository: string,
    role: string,
    found: Eventually<ServedFile | undefined>,
  ): Promise<Served | undefined> {
    const file = await found;
    if (!this.#mustBeRenewed(file)) return file;
    await this.#refresher.renew(repository);
    return await this.#loadCurrent(repository, role);
  }

  byVersion(repository: string, role: string, version: number): Eventually<Served | undefined> {
    const key = `${repository}\n${role}\n${version}`;
    const known = this.#cache.immutable(key);
    if (known !== undefined) return known;
    return after(this.#options.store.byVersion(repository, role, version), (stored) =>
      this.#keepImmutable(repository, key, stored),
    );
  }

  byDigest(repository: string, role: string, sha256: string): Eventually<Served | undefined> {
    const current = this.#cache.current(repository, role);
    if (current?.sha256 === sha256) return current;
    const key = `${repository}\n${role}\n${sha256}`;
    const known = this.#cache.immutable(key);
    if (known !== undefined) return known;
    return after(this.#options.store.byDigest(repository, role, sha256), (stored) =>
      this.#keepImmutable(repository, key, stored),
    );
  }

  async publish(repository: string, files: readonly UploadedFile[], principal: Principal): Promise<void> {
    this.checkWritable();
    await this.#publisher.publish(repository, files, principal);
  }

  async remove(repository: string, principal: Principal): Promise<void> {
    this.checkWritable();
    await this.#publisher.remove(repository, principal);
  }

  async onlineKey(repository: string, role: OnlineRole, principal: Principal): Promise<PublicKey> {
    const { root } = await this.#trusted.load(await this.#options.store.state(repository));
    const held = await this.#keys.current(repository, role, root);
    if (held !== undefined) return held;
    this.checkWritable();
    return await this.#keys.pending(repository, role, principal);
  }

  async rotateOnlineKey(repository: string, role: OnlineRole, principal: Principal): Promise<PublicKey> {
    this.checkWritable();
    return await this.#keys.pending(repository, role, principal);
  }

  async changes(query: ChangeQuery): Promise<readonly ChangeRecord[]> {
    return await this.#options.store.changes(query);
  }

  async health(): Promise<ReadonlyMap<string, string>> {
    const faults = new Map<string, string>();
    const { store, signer, logger } = this.#options;
    const check = async (name: string, part: { check(): Promise<void> }, sentence: string) => {
      try {
        await part.check();
        if (this.#failing.delete(name)) logger.info({ part: name }, "this part can be used again");
      } catch (error) {
        // Probes ask every few seconds: what has not changed was said.
        const code = error instanceof VidimusError ? error.code : "INTERNAL";
        if (this.#failing.get(name) !== code) logger.error({ part: name, err: error }, sentence);
        this.#failing.set(name, code);
        // A refusal's own sentence is fit for anybody, and says why.
        faults.set(name, error instanceof VidimusError ? `${sentence}: ${error.message}` : sentence);
      }
    };
    await check("DB operational", store, "the store cannot be used");
    await check("Trust operational", signer, "the signer cannot be used");
    if (this.#options.behind) faults.set("High-water mark", behindSentence);
    return faults;
  }

  policyFault(): string | undefined {
    return this.#options.policy.fault;
  }

  damageMet(): number {
    return this.#options.damage.count;
  }

  noteDamage(error: unknown): void {
    this.#options.damage.note(error);
  }

  async outbox(): Promise<OutboxFacts> {
    return await this.#options.store.outbox.facts();
  }

  async renewalLag(): Promise<number> {
    const due = await this.#options.store.oldestDue();
    return due === undefined ? 0 : Math.max(0, this.#options.clock.now() - due);
  }

  mark(): { readonly behind: boolean; readonly lag: number } {
    return { behind: this.#options.behind, lag: this.#options.markLag() };
  }

  async start(): Promise<void> {
    if (this.#isClosed()) return;
    this.#refresher.start();
    for (const job of this.#jobs()) job.start();
  }

  async close(): Promise<void> {
    this.proposals.close();
    for (const job of this.#jobs()) await job.stop();
    await this.#refresher.stop();
    await this.#queue.idle();
    await this.refusals.stop();
    await this.#options.reading.close();
    await this.#options.signer.close();
    await this.#options.store.close();
  }

  checkWritable(): void {
    checkWritable(this.#options);
  }

  #jobs(): readonly Job[] {
    return [this.expiry, this.retention, ...(this.#options.jobs ?? [])];
  }

  #isClosed(): boolean {
    return this.#options.readOnly || this.#options.behind;
  }

  #mustBeRenewed(file: ServedFile | undefined): boolean {
    return file?.expires !== undefined && this.#options.clock.now() >= file.expires && !this.#isClosed();
  }

  #loadCurrent(repository: string, role: string): Eventually<ServedFile | undefined> {
    const known = this.#cache.current(repository, role);
    if (known !== undefined) return known;
    return after(this.#options.store.current(repository, role), (stored) => {
      if (stored === undefined) return undefined;
      const file = servedCurrent(stored);
      this.#cache.keepCurrent(repository, stored, file);
      return file;
    });
  }

  #keepImmutable(repository: string, key: string, stored: PastMetadata | undefined): ServedFile | undefined {
    if (stored === undefined) return undefined;
    const file = servedFromStore(stored);
    this.#cache.keepImmutable(repository, key, stored, file);
    return file;
  }
}

/** Without a promise where none is needed. */
function after<T, U>(found: Eventually<T>, then: (value: T) => U): Eventually<U> {
  return found instanceof Promise ? found.then(then) : then(found);
}
