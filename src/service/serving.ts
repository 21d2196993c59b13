/**
 * The service as callers see it: reads, health, start and end are here. Each of the rest has a file of its own, and is given out as
 * it is. `trust.ts` puts it together.
 */
import type { Logger } from "pino";
import { VidimusError } from "../core/errors.ts";
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
import type { Audit } from "./audit/audit.ts";
import type { ReadCache } from "./cache.ts";
import type { Clock } from "./clock.ts";
import type { DamageMet } from "./damage-met.ts";
import type { Watch } from "./expiry/watch.ts";
import type { KeyAdoptions } from "./imports/key-adoption.ts";
import type { Imports } from "./imports.ts";
import type { OnlineKeys } from "./online/keys.ts";
import type { Refresher } from "./online/refresh.ts";
import type { PolicyInForce } from "./policy-in-force.ts";
import type { Proposals } from "./proposals.ts";
import type { Publisher } from "./publish.ts";
import type { Queue } from "./queue.ts";
import type { Reading } from "./reading.ts";
import type { Refusals } from "./refusals.ts";
import type { RetentionJob } from "./retention/retention.ts";
import { type ServedFile, servedCurrent, servedFromStore } from "./served.ts";
import type { Principal, PublicKey, Served, TrailService, TrustService, UploadedFile } from "./service.ts";
import type { TrustedFilesCache } from "./trusted.ts";
import { behindSentence, checkWritable } from "./writable.ts";

/** Started with the service, and stopped before its store is closed. */
export interface Job {
  start(): void;
  stop(): Promise<void>;
}

export interface ServingParts {
  readonly store: Store;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly policy: PolicyInForce;
  readonly reading: Reading;
  readonly cache: ReadCache;
  readonly trusted: TrustedFilesCache;
  readonly queue: Queue;
  readonly keys: OnlineKeys;
  readonly publisher: Publisher;
  readonly refresher: Refresher;
  readonly damage: DamageMet;
  readonly proposals: Proposals;
  readonly audit: Audit;
  readonly expiry: Watch;
  readonly retention: RetentionJob;
  readonly trail: TrailService;
  readonly refusals: Refusals;
  readonly adoption: KeyAdoptions;
  readonly imports: Imports;
  /** What else is started and stopped. */
  readonly jobs: readonly Job[];
  readonly readOnly: boolean;
  readonly behind: boolean;
  readonly markLag: () => number;
}

export class Serving implements TrustService {
  readonly #parts: ServingParts;
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

  constructor(parts: ServingParts) {
    this.#parts = parts;
    this.proposals = parts.proposals;
    this.audit = parts.audit;
    this.expiry = parts.expiry;
    this.retention = parts.retention;
    this.trail = parts.trail;
    this.refusals = parts.refusals;
    this.adoption = parts.adoption;
    this.imports = parts.imports;
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
    await this.#parts.refresher.renew(repository);
    return await this.#loadCurrent(repository, role);
  }

  byVersion(repository: string, role: string, version: number): Eventually<Served | undefined> {
    const key = `${repository}\n${role}\n${version}`;
    const known = this.#parts.cache.immutable(key);
    if (known !== undefined) return known;
    return after(this.#parts.store.byVersion(repository, role, version), (stored) =>
      this.#keepImmutable(repository, key, stored),
    );
  }

  byDigest(repository: string, role: string, sha256: string): Eventually<Served | undefined> {
    const current = this.#parts.cache.current(repository, role);
    if (current?.sha256 === sha256) return current;
    const key = `${repository}\n${role}\n${sha256}`;
    const known = this.#parts.cache.immutable(key);
    if (known !== undefined) return known;
    return after(this.#parts.store.byDigest(repository, role, sha256), (stored) =>
      this.#keepImmutable(repository, key, stored),
    );
  }

  async publish(repository: string, files: readonly UploadedFile[], principal: Principal): Promise<void> {
    this.checkWritable();
    await this.#parts.publisher.publish(repository, files, principal);
  }

  async remove(repository: string, principal: Principal): Promise<void> {
    this.checkWritable();
    await this.#parts.publisher.remove(repository, principal);
  }

  async onlineKey(repository: string, role: OnlineRole, principal: Principal): Promise<PublicKey> {
    const { root } = await this.#parts.trusted.load(await this.#parts.store.state(repository));
    const held = await this.#parts.keys.current(repository, role, root);
    if (held !== undefined) return held;
    this.checkWritable();
    return await this.#parts.keys.pending(repository, role, principal);
  }

  async rotateOnlineKey(repository: string, role: OnlineRole, principal: Principal): Promise<PublicKey> {
    this.checkWritable();
    return await this.#parts.keys.pending(repository, role, principal);
  }

  async changes(query: ChangeQuery): Promise<readonly ChangeRecord[]> {
    return await this.#parts.store.changes(query);
  }

  async health(): Promise<ReadonlyMap<string, string>> {
    const faults = new Map<string, string>();
    const { store, signer, logger } = this.#parts;
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
    if (this.#parts.behind) faults.set("High-water mark", behindSentence);
    return faults;
  }

  policyFault(): string | undefined {
    return this.#parts.policy.fault;
  }

  damageMet(): number {
    return this.#parts.damage.count;
  }

  noteDamage(error: unknown): void {
    this.#parts.damage.note(error);
  }

  async outbox(): Promise<OutboxFacts> {
    return await this.#parts.store.outbox.facts();
  }

  async renewalLag(): Promise<number> {
    const due = await this.#parts.store.oldestDue();
    return due === undefined ? 0 : Math.max(0, this.#parts.clock.now() - due);
  }

  mark(): { readonly behind: boolean; readonly lag: number } {
    return { behind: this.#parts.behind, lag: this.#parts.markLag() };
  }

  async start(): Promise<void> {
    if (this.#isClosed()) return;
    this.#parts.refresher.start();
    for (const job of this.#jobs()) job.start();
  }

  async close(): Promise<void> {
    this.proposals.close();
    for (const job of this.#jobs()) await job.stop();
    await this.#parts.refresher.stop();
    await this.#parts.queue.idle();
    await this.refusals.stop();
    await this.#parts.reading.close();
    await this.#parts.signer.close();
    await this.#parts.store.close();
  }

  checkWritable(): void {
    checkWritable(this.#parts);
  }

  #jobs(): readonly Job[] {
    return [this.expiry, this.retention, ...(this.#parts.jobs ?? [])];
  }

  #isClosed(): boolean {
    return this.#parts.readOnly || this.#parts.behind;
  }

  #mustBeRenewed(file: ServedFile | undefined): boolean {
    return file?.expires !== undefined && this.#parts.clock.now() >= file.expires && !this.#isClosed();
  }

  #loadCurrent(repository: string, role: string): Eventually<ServedFile | undefined> {
    const known = this.#parts.cache.current(repository, role);
    if (known !== undefined) return known;
    return after(this.#parts.store.current(repository, role), (stored) => {
      if (stored === undefined) return undefined;
      const file = servedCurrent(stored);
      this.#parts.cache.keepCurrent(repository, stored, file);
      return file;
    });
  }

  #keepImmutable(repository: string, key: string, stored: PastMetadata | undefined): ServedFile | undefined {
    if (stored === undefined) return undefined;
    const file = servedFromStore(stored);
    this.#parts.cache.keepImmutable(repository, key, stored, file);
    return file;
  }
}

/** Without a promise where none is needed. */
function after<T, U>(found: Eventually<T>, then: (value: T) => U): Eventually<U> {
  return found instanceof Promise ? found.then(then) : then(found);
}
