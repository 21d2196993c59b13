/**
 * Retention: superseded files that nobody can need any more are taken away, their digests stay.
 *
 * Asked by an operator it goes by the policy, and where that says nothing by `usualRetention`. By itself, every day, it
 * takes away only what a `retention:` of the policy names. Any number of processes may be at it: taking away is one change
 * of the store for each repository, and what is gone is gone.
 */
import { setImmediate } from "node:timers/promises";
import type { Logger } from "pino";
import { StoreError, VidimusError } from "../../core/errors.ts";
import type { Metadata } from "../../core/model.ts";
import { choosePublished } from "../../policy/choose.ts";
import type { Retention } from "../../policy/trust-policy.ts";
import type { StoredFile } from "../../store/contract/retention.ts";
import type { RepositoryState, Store } from "../../store/contract/store.ts";
import type { ReadCache } from "../cache.ts";
import type { Clock } from "../clock.ts";
import type { DamageMet } from "../damage-met.ts";
import type { PolicyInForce } from "../policy-in-force.ts";
import { ownPrincipal, type Principal } from "../principal.ts";
import type { Reading } from "../reading.ts";
import { bufferOf } from "../stored.ts";
import { actorOf } from "../trail/record.ts";
import { superseded, unexpired, usualRetention } from "./plan.ts";
import type { Removable, RetentionPage, RetentionQuery, RetentionService } from "./retention-service.ts";

export interface RetentionParts {
  readonly store: Store;
  readonly reading: Reading;
  readonly cache: ReadCache;
  readonly policy: PolicyInForce;
  readonly clock: Clock;
  readonly damage: DamageMet;
  readonly logger: Logger;
  readonly checkWritable: () => void;
}

/** Rows of one question to the store, and files of one change. */
const page = 1_000;
/** Files of one repository that are taken away at once. The rest goes the next time. */
const mostFiles = 5_000;
const repositoriesAtOnce = 50;
const interval = 24 * 3_600_000;

export class RetentionJob implements RetentionService {
  readonly #parts: RetentionParts;
  #timer: NodeJS.Timeout | undefined;
  #run: Promise<void> | undefined;
  #stopped = false;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
  }

  start(): void {
    void this.runByItself();
    this.#timer = setInterval(() => void this.runByItself(), interval);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#run;
  }

  async plan(query: RetentionQuery): Promise<RetentionPage> {
    return await this.#walk(query, (state, retention) => this.#removable(state, retention));
  }

  async run(query: RetentionQuery, principal: Principal): Promise<RetentionPage> {
    this.#parts.checkWritable();
    return await this.#walk(query, (state, retention) => this.#remove(state, retention, principal));
  }

  /** What the policy asks for, in every repository. Never rejects. */
  runByItself(): Promise<void> {
    this.#run ??= this.#runNow()
      .catch((error: unknown) => {
        this.#parts.logger.error({ err: error }, "retention failed; trying again tomorrow");
      })
      .finally(() => {
        this.#run = undefined;
      });
    return this.#run;
  }

  async #runNow(): Promise<void> {
    const { store, policy } = this.#parts;
    if (!policy.current.file?.policy.rules.some(({ retention }) => retention !== undefined)) return;
    for (let after: string | undefined; !this.#stopped; ) {
      const names = await store.repositories({
        limit: repositoriesAtOnce,
        ...(after !== undefined && { after }),
      });
      for (const name of names) {
        const retention = this.#demanded(name);
        if (retention === undefined || this.#stopped) continue;
        await this.#surviving(name, async () => {
          await this.#remove(await store.state(name), retention, ownPrincipal);
        });
        await setImmediate();
      }
      after = names.at(-1);
      if (names.length < repositoriesAtOnce) return;
    }
  }

  /** One repository that cannot be looked at keeps nothing from the others. */
  async #surviving(repository: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const isPassing = error instanceof StoreError && error.code === "CONFLICT";
      if (isPassing) return;
      if (!(error instanceof VidimusError) || error.code === "STORE_UNAVAILABLE") throw error;
      this.#parts.damage.note(error);
      this.#parts.logger.warn({ repository, err: error }, "nothing of it was taken away");
    }
  }

  async #walk(
    { after, limit, targets, delegations }: RetentionQuery,
    visit: (state: RepositoryState, retention: Retention) => Promise<readonly Removable[]>,
  ): Promise<RetentionPage> {
    const { store } = this.#parts;
    const files: Removable[] = [];
    const names = await store.repositories({ limit, ...(after !== undefined && { after }) });
    for (const name of names) {
      const demanded = this.#demanded(name) ?? usualRetention;
      const retention = {
        ...demanded,
        ...(targets !== undefined && { targets }),
        ...(delegations !== undefined && { delegations }),
      };
      await this.#surviving(name, async () => {
        files.push(...(await visit(await store.state(name), retention)));
      });
      await setImmediate();
    }
    return { files, next: names.length < limit ? undefined : names.at(-1) };
  }

  /** What the policy in force says of a repository. */
  #demanded(repository: string): Retention | undefined {
    const { file } = this.#parts.policy.current;
    const chosen = file && choosePublished(file.policy, repository);
    return chosen !== undefined && "rule" in chosen ? chosen.rule.retention : undefined;
  }

  async #remove(
    state: RepositoryState,
    retention: Retention,
    principal: Principal,
  ): Promise<readonly Removable[]> {
    const { store, clock, cache, logger } = this.#parts;
    const { repository, incarnation } = state;
    const files = await this.#removable(state, retention);
    for (let from = 0; from < files.length; from += page) {
      const some = files.slice(from, from + page).map(({ role, version }) => ({ role, version }));
      const actor = actorOf(principal);
      await store.retention.remove({ repository, incarnation, at: clock.now(), actor, files: some });
    }
    if (files.length === 0) return files;
    // What this process had in memory of them is not served any more.
    cache.forget(repository);
    const bytes = files.reduce((sum, { length }) => sum + length, 0);
    logger.info(
      { repository, principal: principal.name, files: files.length, bytes },
      "superseded files were taken away",
    );
    return files;
  }

  async #removable(state: RepositoryState, retention: Retention): Promise<readonly Removable[]> {
    const { clock } = this.#parts;
    const { repository } = state;
    if (!state.exists) return [];
    const now = clock.now();
    const all = await this.#files(repository);
    const old = superseded(all, retention, now);
    if (old.length === 0) return [];
    const reached = await this.#reached(repository, unexpired(all, now));
    const onlineKeys = new Set<string>();
    const found: Removable[] = [];
    for (const file of old) {
      if (found.length === mostFiles) break;
      const { role, version, sha256, length, storedAt } = file;
      if (state.current.get(role)?.version === version || reached.has(`${role} ${sha256}`)) continue;
      if (role === "snapshot" && !(await this.#isOwn(repository, file, onlineKeys))) continue;
      found.push({ repository, role, version, sha256, length, storedAt });
    }
    return found;
  }

  /** By role in byte order, then version. */
  async #files(repository: string): Promise<StoredFile[]> {
    const all: StoredFile[] = [];
    for (let after = { role: "", version: 0 }; ; ) {
      const some = await this.#parts.store.retention.files(repository, after, page);
      all.push(...some);
      const last = some.at(-1);
      if (last === undefined || some.length < page) return all;
      after = last;
    }
  }

  /** Role and digest of all that a client that holds one of these timestamps can ask for. */
  async #reached(repository: string, timestamps: readonly StoredFile[]): Promise<ReadonlySet<string>> {
    const reached = new Set<string>();
    for (const { sha256 } of timestamps) {
      reached.add(`timestamp ${sha256}`);
      const timestamp = await this.#read(repository, "timestamp", sha256);
      if (timestamp?.signed.kind !== "timestamp") continue;
      const named = timestamp.signed.snapshot.hashes.get("sha256") ?? "";
      if (reached.has(`snapshot ${named}`)) continue;
      reached.add(`snapshot ${named}`);
      const snapshot = await this.#read(repository, "snapshot", named);
      if (snapshot?.signed.kind !== "snapshot") continue;
      for (const [role, { hashes }] of snapshot.signed.meta) {
        reached.add(`${role} ${hashes.get("sha256")}`);
      }
    }
    return reached;
  }

  /** Whether this server signed the snapshot. `known`: IDs of its keys that were met before. */
  async #isOwn(repository: string, { role, sha256 }: StoredFile, known: Set<string>): Promise<boolean> {
    const file = await this.#read(repository, role, sha256);
    const ids = file?.signatures.map(({ keyId }) => keyId) ?? [];
    const unknown = ids.filter((id) => !known.has(id));
    if (unknown.length > 0) {
      const held = await this.#parts.store.onlineKeys(repository, unknown);
      for (const key of held) if (key.role === "snapshot") known.add(key.keyId);
    }
    return ids.length > 0 && ids.every((id) => known.has(id));
  }

  /** Undefined: it is gone. */
  async #read(repository: string, role: string, sha256: string): Promise<Metadata | undefined> {
    const stored = await this.#parts.store.byDigest(repository, role, sha256);
    return stored && (await this.#parts.reading.stored(role, bufferOf(stored)));
  }
}
