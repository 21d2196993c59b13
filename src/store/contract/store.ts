/**
 * The store contract: where metadata, online keys and the record of changes live.
 *
 * Whoever implements it needs nothing but this file; `test/contract/store.ts` is the same text as
 * tests, run against every back end. It is in one file because it is read, and promised, as one.
 *
 * **Durability.** When `commit`, `remove` or `addPendingKey` resolves, the change survives the death of
 * the process and of the machine (SQLite: WAL with `synchronous=FULL`). When one rejects with
 * `COMMIT_UNKNOWN`, the change may or may not have happened: the caller re-reads and never guesses. Any
 * other rejection means that nothing happened.
 *
 * **Atomicity.** A publication is visible whole or not at all, to every reader, in every process.
 *
 * **Concurrency.** Any number of callers, in any number of processes, may call at once. A publication
 * names the revision it was made against; if the repository has moved on, `commit` rejects with
 * `CONFLICT` and changes nothing. Back ends may gather several publications into one physical commit;
 * each keeps its own compare-and-swap, and nobody is answered before that commit's fate is known.
 *
 * **Consistency.** A read that starts after a `commit` resolved sees that commit (read your writes, in
 * every process).
 *
 * **Names** are compared byte for byte: no case folding, no normalisation, no prefix matching.
 *
 * **Time.** All instants are integers, milliseconds since 1970 UTC, given by the caller; a back end never
 * reads a clock.
 *
 * **Errors.** Only `StoreError`: `CONFLICT`, `STORE_UNAVAILABLE` (busy, disk full, connection lost; try
 * later), `COMMIT_UNKNOWN`, and `STORE_CORRUPT` (rows that cannot be read; from `createKeyring` also keys without their
 * record). Opening one may also give `STORE_LOCKED`, `STORE_NEWER`, `MIGRATION_EDITED`, `STORE_UNWRITABLE`. (`STORE_BEHIND` is not a back end's: it is
 * said of a store that its high-water mark does not fit, `src/store/mark.ts`.) A driver's own text goes into `cause` only. The one exception is a fault
 * of the caller: a value outside the bounds named here, or a name that is not well-formed Unicode, rejects with a
 * `RangeError` before anything happens (a version no file can have is merely not found).
 */

import type { AccessStore } from "./access.ts";
import type { AuditRecord, AuditStore } from "./audit.ts";
import type { HistoryStore } from "./history.ts";
import type { ImportStore } from "./imports.ts";
import type { OutboxStore } from "./outbox.ts";
import type { ProposalStore } from "./proposals.ts";
import type { KeyRegister } from "./register.ts";
import type { RetentionStore } from "./retention.ts";
import type { MetadataReference, NewMetadata, OnlineKey, OnlineRole } from "./shapes.ts";

export type { MetadataReference, NewMetadata, OnlineKey, OnlineRole };

export type Format = "notary" | "tuf";

export interface StoredMetadata extends MetadataReference {
  /** Exactly the bytes that were committed. Callers must not modify them. */
  readonly bytes: Uint8Array;
}

/** The current file of a role, with what whoever keeps it must know of the same instant. */
export interface CurrentMetadata extends StoredMetadata {
  /** End of validity, as it was committed beside the bytes. */
  readonly expires: number;
  /** The repository's revision: the file is its current one at this and may be another's at the next. */
  readonly revision: number;
}

/** What is true of a repository name at one revision. Also exists for names never used (revision 0). */
export interface RepositoryState {
  readonly repository: string;
  /** False if it never existed or was deleted. */
  readonly exists: boolean;
  readonly format: Format | undefined;
  /** Grows by one with every commit or removal, across incarnations; 0 if the name was never used. */
  readonly revision: number;
  /** 1 for the first life of the name, one more after each removal and re-creation; 0 if never used. */
  readonly incarnation: number;
  /** The current file of each role, empty if it does not exist. */
  readonly current: ReadonlyMap<string, MetadataReference>;
  /** Versions per role that earlier incarnations reached (the tombstone), or that `raiseFloor` was told. */
  readonly floor: ReadonlyMap<string, number>;
}

/** A file by version or digest, with the life of the name to which it belongs, of the same instant. */
export interface PastMetadata extends StoredMetadata {
  readonly incarnation: number;
}

/** What is there at once in a back end that waits for nobody, and a promise of it in one that asks another machine. */
export type Eventually<T> = T | Promise<T>;

/** The part of a state by which anything kept of a repository is known to be of the present. */
export type Standing = Pick<RepositoryState, "exists" | "revision" | "incarnation">;

export interface Publication {
  readonly repository: string;
  readonly format: Format;
  /** The revision this was verified against; 0 for a name never used. */
  readonly expectedRevision: number;
  readonly at: number;
  /**
   * `publish`: a person or builder. `refresh`: this server renewed online roles. `import`: it was made elsewhere and is taken
   * over (`imports.ts`).
   */
  readonly kind: "publish" | "refresh" | "import";
  /** Who, for the record; at most 255 characters. */
  readonly principal: string;
  /** At least one; no role twice; every version higher than the current one of its role. */
  readonly metadata: readonly NewMetadata[];
  /** Pending online keys that the new root lists, to become active. IDs of active keys are harmless. */
  readonly activateKeys: readonly string[];
  /** Replaces, when present, what the store knows of who else uses a key (a warning, not a rule). */
  readonly keyUses?: readonly KeyUse[];
  /** When the refresher must look at this repository again; `undefined`: never (no online role). */
  readonly renewAt: number | undefined;
  /** ID of the proposal of this repository that is published by it. */
  readonly proposal?: string;
  /** Of an import only. */
  readonly imported?: {
    /** Where it was taken from; at most 4,096 characters. */
    readonly origin: string;
    /** Older files, each of a version below the one in `metadata` or the current one; as in `ImportStore.addHistory`. */
    readonly history: readonly NewMetadata[];
    /** Online keys that came with it, active from now on. */
    readonly keys: readonly OnlineKey[];
  };
  readonly audit: AuditRecord;
}

export interface Removal {
  readonly repository: string;
  readonly at: number;
  readonly principal: string;
  readonly audit: AuditRecord;
}

export interface FloorRequest {
  readonly repository: string;
  /** Of a name that was never used. */
  readonly format: Format;
  readonly at: number;
  readonly principal: string;
  readonly floor: ReadonlyMap<string, number>;
  readonly audit: AuditRecord;
}

export interface KeyringChange {
  readonly expected: Uint8Array;
  readonly record: Uint8Array;
  readonly audit: AuditRecord;
}

export interface KeyUse {
  /** Identity of the bare public key (`core/keys.ts`, `material`). */
  readonly material: string;
  readonly role: string;
}

export interface Committed {
  readonly revision: number;
  readonly incarnation: number;
}

/** One row of the changefeed. IDs are dense enough to page by, grow for ever and are never reused. */
export interface ChangeRecord {
  readonly id: number;
  readonly at: number;
  readonly repository: string;
  /** Version of the timestamp; 0 for a deletion. */
  readonly version: number;
  /** Hex digest of the timestamp's bytes; empty for a deletion. */
  readonly sha256: string;
  readonly category: "update" | "deletion";
}

export interface ChangeQuery {
  /** All repositories when absent. */
  readonly repository?: string;
  /** Exclusive start. `undefined`: from the oldest forwards, or from the newest backwards. */
  readonly from?: number;
  readonly direction: "forwards" | "backwards";
  /** 1 … 1000. */
  readonly limit: number;
}

/** Of a repository with an open proposal no pending key ends its life or gives way: people may be signing a root with it. */
export interface PendingKeyLimits {
  /** Most pending keys in the whole store. */
  readonly most: number;
  /** Pending keys made before this instant have ended their life and may be removed at any time. */
  readonly endOfLife: number;
  /** When the store is full, the oldest pending key made before this instant may give way. */
  readonly mayGiveWay: number;
}

export interface Store {
  readonly proposals: ProposalStore;
  readonly outbox: OutboxStore;
  readonly retention: RetentionStore;
  readonly access: AccessStore;
  /** Records that come with a change (`audit`) are appended in that very change, and not at all where nothing changes. */
  readonly audit: AuditStore;
  readonly history: HistoryStore;
  readonly register: KeyRegister;
  readonly imports: ImportStore;

  /** Never rejects for an unknown name: see `RepositoryState`. */
  state(repository: string): Promise<RepositoryState>;

  /*
   * Each of these three is one consistent read. A back end that reads from its own memory or disk gives the answer itself,
   * so that a reader's request is answered in one step, and throws instead of rejecting; any other gives a promise.
   * Whoever calls must take both.
   */
  /** The current file of a role and the revision at which it is that, or undefined. */
  current(repository: string, role: string): Eventually<CurrentMetadata | undefined>;
  /** A file of the present incarnation by version. */
  byVersion(repository: string, role: string, version: number): Eventually<PastMetadata | undefined>;
  /** A file of the present incarnation by lower-case hex SHA-256; the role must match. */
  byDigest(repository: string, role: string, sha256: string): Eventually<PastMetadata | undefined>;

  /**
   * All of a publication, or `CONFLICT`. A publication that contains a `timestamp` writes one `update` row
   * to the changefeed. On a removed name the first publication starts the next incarnation.
   *
   * Also `CONFLICT`: a version that is not above the current one of its role; another format than the living
   * repository has; an ID in `activateKeys` whose key is no longer held (it gave way in the meantime); a `proposal`
   * that is not open.
   */
  commit(publication: Publication): Promise<Committed>;

  /**
   * Ends the incarnation: every file of the name is gone, its online keys are removed, a tombstone keeps the
   * highest version of each role, one `deletion` row goes to the changefeed, its open proposals are superseded. Resolves false, and writes
   * nothing, if the repository does not exist.
   */
  remove(request: Removal): Promise<boolean>;

  /**
   * Raises floors to these versions; none is lowered. For what a name had reached and this store has lost. A name that
   * was never used becomes a removed one: revision and incarnation 1, one `deletion` row in the changefeed. Of any other
   * nothing changes but the floors.
   */
  raiseFloor(request: FloorRequest): Promise<void>;

  /** Ordered oldest to newest, also when read backwards. */
  changes(query: ChangeQuery): Promise<readonly ChangeRecord[]>;

  /** Repository names in byte order, strictly after `after`; at most `limit` (1 … 1000). */
  repositories(query: { after?: string; limit: number }): Promise<readonly string[]>;

  /**
   * Names whose `renewAt` has come, oldest first, each claimed until `leaseUntil`: no other caller, in any
   * process, is given the same name before that. A commit of the name ends the claim. A claim that reaches more than
   * two leases ahead was made by a clock that has been set back since, and holds nobody off.
   */
  claimDue(query: { now: number; leaseUntil: number; limit: number }): Promise<readonly string[]>;

  /**
   * Sets when to look again (`undefined`: only after the next publication) and ends the claim, without a publication, if
   * the repository still stands at that revision. Otherwise it does nothing: whoever moved it on has said when.
   */
  postpone(request: { repository: string; revision: number; renewAt: number | undefined }): Promise<void>;

  /** The earliest `renewAt` of all repositories, for the lag metric; undefined if there is none. */
  oldestDue(): Promise<number | undefined>;

  /** Active keys of a repository and its pending ones that are still held, by ID, in any order. */
  onlineKeys(repository: string, keyIds: readonly string[]): Promise<readonly OnlineKey[]>;

  /** The pending key of a repository and role, if one is alive. At most one exists. */
  pendingKey(repository: string, role: OnlineRole, limits: PendingKeyLimits): Promise<OnlineKey | undefined>;

  /**
   * Stores a pending key and resolves to it, or to the pending key that another caller stored first.
   * Resolves undefined when the store holds `most` pending keys and none may give way.
   */
  addPendingKey(key: OnlineKey, limits: PendingKeyLimits, audit: AuditRecord): Promise<OnlineKey | undefined>;

  /** Of the given materials, those that other repositories use, at most 100 rows. */
  otherUsers(
    repository: string,
    materials: readonly string[],
  ): Promise<readonly (KeyUse & { readonly repository: string })[]>;

  /** The signer's own record (salt, wrapped data key); undefined before the first start. */
  keyring(): Promise<Uint8Array | undefined>;
  /**
   * Stores the record if there is none yet; resolves to the one that is stored.
   *
   * `STORE_CORRUPT`, and nothing is stored: there is none although the store holds online keys. The record they are
   * sealed under was lost, and another one could open none of them.
   */
  createKeyring(record: Uint8Array): Promise<Uint8Array>;
  /** Puts `record` in the place of `expected`, byte for byte; `CONFLICT` if that is not what is stored. */
  replaceKeyring(change: KeyringChange): Promise<void>;

  /**
   * A number that differs from its last value once anybody else, in any process, has committed. Synchronous and cheap
   * enough for every read (SQLite `PRAGMA data_version`); always 0 where nobody else can commit.
   *
   * A commit that this number does not show yet is one that no read has seen, in any process: where it has not moved,
   * what was read before is still of the present.
   */
  changesElsewhere(): number;

  /**
   * Where a repository stands now, as `state` would say it: what is kept of it is of the present as long as its
   * revision is this one (of files by version or digest: its incarnation). Synchronous, one look-up.
   */
  standing(repository: string): Standing;

  /** Rejects with `STORE_UNAVAILABLE` if the store cannot be read or, unless read-only, written. */
  check(): Promise<void>;

  /** Finishes what was acknowledged and lets go of every lock. Idempotent. */
  close(): Promise<void>;
}
