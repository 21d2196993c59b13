/** The service, put together from its parts. Reads are here; each of the rest has a file of its own. */
import type { Logger } from "pino";
import { RefusedError, StoreError, VidimusError } from "../core/errors.ts";
import type { FormatRules } from "../core/format/format.ts";
import type { Policy } from "../policy/policy.ts";
import type { Signer } from "../signer/signer.ts";
import type { ChangeQuery, ChangeRecord, OnlineRole, Store, StoredMetadata } from "../store/store.ts";
import { ReadCache } from "./cache.ts";
import type { Clock } from "./clock.ts";
import { type OnlineKeySettings, OnlineKeys } from "./online-keys.ts";
import { type OnlineRoleSettings, OnlineRoles } from "./online-roles.ts";
import { type ProposalSettings, proposalDefaults } from "./proposal-service.ts";
import { Proposals } from "./proposals.ts";
import { Publisher } from "./publish.ts";
import { Queue } from "./queue.ts";
import { Refresher } from "./refresh.ts";
import { type ServedFile, servedCurrent, servedFromStore } from "./served.ts";
import type { Principal, PublicKey, Served, TrustService, UploadedFile } from "./service.ts";
import { TrustedFilesCache } from "./trusted.ts";

export interface TrustOptions {
  readonly store: Store;
  readonly signer: Signer;
  readonly format: FormatRules;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly policy: Policy;
  readonly keys: OnlineKeySettings;
  readonly roles: OnlineRoleSettings;
  /** Bytes of served files kept in memory, and of verified ones. */
  readonly cacheBytes: number;
  /** How often to look for online roles that are due, in milliseconds. */
  readonly refreshInterval: number;
  /** Never sign and never write. */
  readonly readOnly: boolean;
  /** The store lacks what it once had (`mark/standing.ts`): likewise, and every answer about health says so. */
  readonly behind: boolean;
  /** Other bounds of proposals than the usual ones. */
  readonly proposals?: Partial<ProposalSettings>;
}

const behind =
  "the store is behind its high-water mark: it was restored from an older backup or lost commits; run vidimus recover accept with the server stopped";

export function createTrustService(options: TrustOptions): TrustService {
  const { store, signer, format, clock, logger, policy } = options;
  const cache = new ReadCache(options.cacheBytes, store);
  const trusted = new TrustedFilesCache(store, format, options.cacheBytes);
  const queue = new Queue();
  const keys = new OnlineKeys(store, signer, format, clock, options.keys);
  const roles = new OnlineRoles(keys, format, options.roles);
  const shared = { store, format, clock, keys, roles, trusted, cache, queue, logger };
  const publisher = new Publisher({ ...shared, policy });
  const proposals = new Proposals({
    ...shared,
    policy,
    publisher,
    settings: { ...proposalDefaults, ...options.proposals },
    checkWritable: () => checkWritable(options),
  });
  return new Service(
    options,
    cache,
    trusted,
    queue,
    keys,
    publisher,
    new Refresher({ ...shared, interval: options.refreshInterval, alsoTend: () => proposals.tend() }),
    proposals,
  );
}

function checkWritable({ readOnly, behind }: Pick<TrustOptions, "readOnly" | "behind">): void {
  if (readOnly) {
    throw new RefusedError("READ_ONLY", "This server only reads: publish to the one it is a copy of.");
  }
  if (behind) {
    throw new StoreError(
      "STORE_BEHIND",
      "This server's store lacks what it once had: its operator restores a newer backup, or runs vidimus recover accept, before anything can be published.",
    );
  }
}

class Service implements TrustService {
  readonly #options: TrustOptions;
  readonly #cache: ReadCache;
  readonly #trusted: TrustedFilesCache;
  readonly #queue: Queue;
  readonly #keys: OnlineKeys;
  readonly #publisher: Publisher;
  readonly #refresher: Refresher;
  readonly proposals: Proposals;

  constructor(
    options: TrustOptions,
    cache: ReadCache,
    trusted: TrustedFilesCache,
    queue: Queue,
    keys: OnlineKeys,
    publisher: Publisher,
    refresher: Refresher,
    proposals: Proposals,
  ) {
    this.#options = options;
    this.#cache = cache;
    this.#trusted = trusted;
    this.#queue = queue;
    this.#keys = keys;
    this.#publisher = publisher;
    this.#refresher = refresher;
    this.proposals = proposals;
  }

  peek(repository: string, role: string): Served | undefined {
    const file = this.#cache.current(repository, role);
    return file === undefined || this.#isExpired(file) ? undefined : file;
  }

  async current(repository: string, role: string): Promise<Served | undefined> {
    const file = await this.#loadCurrent(repository, role);
    if (file === undefined || !this.#isExpired(file) || this.#isClosed()) return file;
    await this.#refresher.renew(repository);
    return await this.#loadCurrent(repository, role);
  }

  async byVersion(repository: string, role: string, version: number): Promise<Served | undefined> {
    return await this.#loadImmutable(`${repository}\n${role}\n${version}`, repository, () =>
      this.#options.store.byVersion(repository, role, version),
    );
  }

  async byDigest(repository: string, role: string, sha256: string): Promise<Served | undefined> {
    const current = this.#cache.current(repository, role);
    if (current?.sha256 === sha256) return current;
    return await this.#loadImmutable(`${repository}\n${role}\n${sha256}`, repository, () =>
      this.#options.store.byDigest(repository, role, sha256),
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

  async onlineKey(repository: string, role: OnlineRole): Promise<PublicKey> {
    const { root } = await this.#trusted.load(await this.#options.store.state(repository));
    const held = await this.#keys.current(repository, role, root);
    if (held !== undefined) return held;
    this.checkWritable();
    return await this.#keys.pending(repository, role);
  }

  async rotateOnlineKey(repository: string, role: OnlineRole): Promise<PublicKey> {
    this.checkWritable();
    return await this.#keys.pending(repository, role);
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
      } catch (error) {
        logger.error({ err: error }, sentence);
        // A refusal's own sentence is fit for anybody, and says why.
        faults.set(name, error instanceof VidimusError ? `${sentence}: ${error.message}` : sentence);
      }
    };
    await check("DB operational", store, "the store cannot be used");
    await check("Trust operational", signer, "the signer cannot be used");
    if (this.#options.behind) faults.set("High-water mark", behind);
    return faults;
  }

  async renewalLag(): Promise<number> {
    const due = await this.#options.store.oldestDue();
    return due === undefined ? 0 : Math.max(0, this.#options.clock.now() - due);
  }

  async start(): Promise<void> {
    if (!this.#isClosed()) this.#refresher.start();
  }

  async close(): Promise<void> {
    this.proposals.close();
    await this.#refresher.stop();
    await this.#queue.idle();
    await this.#options.signer.close();
    await this.#options.store.close();
  }

  checkWritable(): void {
    checkWritable(this.#options);
  }

  #isClosed(): boolean {
    return this.#options.readOnly || this.#options.behind;
  }

  #isExpired(file: ServedFile): boolean {
    return file.expires !== undefined && this.#options.clock.now() >= file.expires;
  }

  async #loadCurrent(repository: string, role: string): Promise<ServedFile | undefined> {
    const known = this.#cache.current(repository, role);
    if (known !== undefined) return known;
    const stored = await this.#options.store.current(repository, role);
    if (stored === undefined) return undefined;
    const file = servedCurrent(stored);
    this.#cache.keepCurrent(repository, stored, file);
    return file;
  }

  async #loadImmutable(
    key: string,
    repository: string,
    load: () => Promise<StoredMetadata | undefined>,
  ): Promise<ServedFile | undefined> {
    const known = this.#cache.immutable(key);
    if (known !== undefined) return known;
    return await this.#cache.load(
      repository,
      async () => {
        const stored = await load();
        return stored && servedFromStore(stored);
      },
      (file, at) => this.#cache.keepImmutable(repository, key, at, file),
    );
  }
}
