/**
 * The store on SQLite: one file in the data directory, for one server process (and readers beside it).
 *
 * - Every statement is prepared once; every value is bound; numbers are checked before they are bound.
 * - Reads run at once and are synchronous underneath; changes go through `Writer`, which answers after the
 *   commit that carries them.
 * - Nothing is kept in memory: another process's commit is seen by the next read.
 */

import { accessChanges, accessReads } from "./bounds/access-door.ts";
import * as bounds from "./bounds.ts";
import type { Store } from "./contract/store.ts";
import { prepareAccessChanges } from "./sqlite/access.ts";
import { prepareAccessReads } from "./sqlite/access-reads.ts";
import { type AuditChanges, prepareAuditChanges, prepareAuditReads } from "./sqlite/audit.ts";
import { type ConnectionOptions, connect, openingError } from "./sqlite/connection.ts";
import { closed, readOnly, unavailable } from "./sqlite/errors.ts";
import { makeDataDirectory } from "./sqlite/files.ts";
import { sqliteHistory } from "./sqlite/history.ts";
import { importStore, prepareImportChanges, prepareImportReads } from "./sqlite/imports.ts";
import { prepareKeyChanges, prepareKeyReads } from "./sqlite/keys.ts";
import { takeLock } from "./sqlite/lock.ts";
import { sqliteOutbox } from "./sqlite/outbox.ts";
import { auditOf, proposalsOf } from "./sqlite/parts.ts";
import { prepareProposalReads } from "./sqlite/proposal-reads.ts";
import { prepareProposalChanges } from "./sqlite/proposals.ts";
import { prepareChanges } from "./sqlite/publications.ts";
import { prepareReads } from "./sqlite/reads.ts";
import { sqliteRegister } from "./sqlite/register.ts";
import { sqliteRetention } from "./sqlite/retention.ts";
import type { Ways } from "./sqlite/ways.ts";
import { Writer } from "./sqlite/writer.ts";

export interface SqliteOptions {
  /** The data directory; made, readable by its owner only, if it is missing. */
  readonly directory: string;
  /** For tools and readers beside a server: no change, no migration, no lock. Default false. */
  readonly readOnly?: boolean;
  /** Whether to hold the directory against a second server. Default: unless `readOnly`. */
  readonly lock?: boolean;
  /** Another set of migrations. */
  readonly testingOnlyMigrations?: string;
  /** Take the file system for read-only. */
  readonly testingOnlyReadOnlyFileSystem?: boolean;
  /** Largest size of the database in pages of 4,096 bytes: a full disk. */
  readonly testingOnlyMaxPages?: number;
}

/**
 * Opens the store, makes it if there is none, and applies migrations.
 *
 * Rejects with `STORE_LOCKED`, `STORE_UNWRITABLE`, `STORE_CORRUPT`, `STORE_NEWER`, `MIGRATION_EDITED`, or
 * `STORE_UNAVAILABLE`.
 */
export async function openSqlite(options: SqliteOptions): Promise<Store> {
  const { directory, testingOnlyMigrations, testingOnlyReadOnlyFileSystem } = options;
  const reading = options.readOnly ?? false;
  if (!reading) makeDataDirectory(directory);
  const lock = (options.lock ?? !reading) ? takeLock(directory) : undefined;
  try {
    const connection: ConnectionOptions = {
      directory,
      readOnly: reading,
      ...(testingOnlyMigrations === undefined ? {} : { testingOnlyMigrations }),
      ...(testingOnlyReadOnlyFileSystem === undefined ? {} : { testingOnlyReadOnlyFileSystem }),
    };
    const database = connect(connection);
    if (options.testingOnlyMaxPages !== undefined) {
      database.pragma(`max_page_count = ${options.testingOnlyMaxPages}`);
    }
    const release = () => {
      database.close();
      lock?.release();
    };
    const reads = {
      ...prepareReads(database),
      keys: prepareKeyReads(database),
      proposals: prepareProposalReads(database),
      access: prepareAccessReads(database),
      audit: prepareAuditReads(database),
      imports: prepareImportReads(database),
    };
    const writer = reading ? undefined : new Writer(database);
    const audit = prepareAuditChanges(database);
    const proposals = prepareProposalChanges(database, audit);
    const imports = prepareImportChanges(database, audit);
    const changes = {
      ...prepareChanges(database, proposals, audit, imports),
      keys: prepareKeyChanges(database, audit),
      access: prepareAccessChanges(database, audit.append),
      proposals,
      audit,
      imports,
    };
    // Who holds the lock is the only one that commits.
    const changesElsewhere = lock === undefined ? reads.changesElsewhere : () => 0;
    const parts: Parts = (ways) => ({
      outbox: sqliteOutbox(database, ways),
      retention: sqliteRetention(database, audit, ways),
      history: sqliteHistory(database, ways),
      register: sqliteRegister(database, audit, ways),
    });
    return sqliteStore({ ...reads, changesElsewhere }, changes, parts, writer, release);
  } catch (error) {
    lock?.release();
    throw openingError(error, { directory, readOnly: reading });
  }
}

type Reads = ReturnType<typeof prepareReads> & {
  readonly keys: ReturnType<typeof prepareKeyReads>;
  readonly proposals: ReturnType<typeof prepareProposalReads>;
  readonly access: ReturnType<typeof prepareAccessReads>;
  readonly audit: ReturnType<typeof prepareAuditReads>;
  readonly imports: ReturnType<typeof prepareImportReads>;
};
type Changes = ReturnType<typeof prepareChanges> & {
  readonly keys: ReturnType<typeof prepareKeyChanges>;
  readonly proposals: ReturnType<typeof prepareProposalChanges>;
  readonly access: ReturnType<typeof prepareAccessChanges>;
  readonly audit: AuditChanges;
  readonly imports: ReturnType<typeof prepareImportChanges>;
};
/** Parts of the contract that have statements of their own. */
type Parts = (ways: Ways) => Pick<Store, "outbox" | "retention" | "history" | "register">;

function sqliteStore(
  reads: Reads,
  changes: Changes,
  parts: Parts,
  writer: Writer | undefined,
  release: () => void,
): Store {
  let open = true;

  function read<T>(question: () => T): T {
    if (!open) throw closed();
    try {
      return question();
    } catch (error) {
      throw unavailable(error);
    }
  }

  function change<T>(work: () => T): Promise<T> {
    if (!open) throw closed();
    if (writer === undefined) throw readOnly();
    return writer.run(work);
  }

  return {
    proposals: proposalsOf(reads.proposals, changes.proposals, { read, change }),
    ...parts({ read, change }),
    access: {
      ...accessReads(reads.access, read),
      ...accessChanges(
        (operation, request) => change(() => changes.access[operation](request as never)) as never,
      ),
    },
    audit: auditOf(reads.audit, changes.audit, { read, change }),
    imports: importStore(reads.imports, changes.imports, { read, change }),
    async state(repository) {
      bounds.checkName(repository);
      return read(() => reads.state(repository));
    },
    current(repository, role) {
      bounds.checkName(repository);
      bounds.checkName(role);
      return read(() => reads.current(repository, role));
    },
    byVersion(repository, role, version) {
      bounds.checkName(repository);
      bounds.checkName(role);
      if (!bounds.isVersion(version)) return undefined;
      return read(() => reads.byVersion(repository, role, version));
    },
    byDigest(repository, role, sha256) {
      bounds.checkName(repository);
      bounds.checkName(role);
      return read(() => reads.byDigest(repository, role, sha256));
    },
    async commit(publication) {
      bounds.checkPublication(publication);
      return change(() => changes.publish(publication));
    },
    async remove(request) {
      bounds.checkRemoval(request);
      return change(() => changes.remove(request));
    },
    async raiseFloor(request) {
      bounds.checkFloor(request);
      return change(() => changes.raiseFloor(request));
    },
    async changes(query) {
      bounds.checkChangeQuery(query);
      return read(() => reads.changes(query));
    },
    async repositories({ after, limit }) {
      if (after !== undefined) bounds.checkName(after);
      bounds.checkLimit(limit, bounds.maxPage);
      return read(() => reads.repositories(after, limit));
    },
    async claimDue({ now, leaseUntil, limit }) {
      bounds.checkInstant(now);
      bounds.checkInstant(leaseUntil);
      bounds.checkLimit(limit, bounds.maxClaim);
      if (!read(() => changes.isDue(now, leaseUntil))) return [];
      return change(() => changes.claimDue(now, leaseUntil, limit));
    },
    async postpone({ repository, revision, renewAt }) {
      bounds.checkName(repository);
      if (renewAt !== undefined) bounds.checkInstant(renewAt);
      return change(() => changes.postpone(repository, revision, renewAt));
    },
    async oldestDue() {
      return read(() => reads.oldestDue());
    },
    async onlineKeys(repository, keyIds) {
      bounds.checkName(repository);
      bounds.checkKeyIds(keyIds);
      return read(() => reads.keys.byId(repository, keyIds));
    },
    async pendingKey(repository, role, limits) {
      bounds.checkName(repository);
      bounds.checkPendingLimits(limits);
      return read(() => reads.keys.pending(repository, role, limits));
    },
    async addPendingKey(key, limits, audit) {
      bounds.checkOnlineKey(key);
      bounds.checkPendingLimits(limits);
      bounds.checkAuditRecord(audit, key.repository);
      return change(() => changes.keys.addPending(key, limits, audit));
    },
    async otherUsers(repository, materials) {
      bounds.checkName(repository);
      bounds.checkKeyIds(materials);
      return read(() => reads.keys.otherUsers(repository, materials));
    },
    async keyring() {
      return read(() => reads.keys.keyring());
    },
    async createKeyring(record) {
      bounds.checkRecord(record);
      return change(() => changes.keys.createKeyring(record));
    },
    async replaceKeyring(request) {
      bounds.checkKeyringChange(request);
      return change(() => changes.keys.replaceKeyring(request));
    },
    changesElsewhere() {
      return read(() => reads.changesElsewhere());
    },
    standing(repository) {
      bounds.checkName(repository);
      return read(() => reads.standing(repository));
    },
    async check() {
      read(() => reads.touch());
      writer?.probe();
    },
    async close() {
      if (!open) return;
      open = false;
      writer?.close();
      release();
    },
  };
}
