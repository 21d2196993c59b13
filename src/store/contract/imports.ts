/**
 * Repositories that were made elsewhere and are taken over: the part of the store's contract that is about them.
 *
 * **The present** of such a repository comes by `Store.commit`, as a publication of kind `import`: its current set, with older
 * files behind it (`Publication.history`) and, if they came too, its online keys. What is said of publications there holds.
 *
 * **The past** comes after it, by `addHistory`, as often as is wanted. Older files are served by version and digest, and move
 * nothing: neither revision nor changefeed, and no current file. Each counts to an import, by whose revision and instant it is stored.
 *
 * **Two byte strings.** No version of a role has two in one incarnation: a file that is stored already is left as it is, another
 * one of its version is `CONFLICT`.
 */
import type { AuditRecord } from "./audit.ts";
import type { MetadataReference, NewMetadata, OnlineKey } from "./shapes.ts";

/** The newest import of a repository's present incarnation. */
export interface ImportRecord {
  readonly revision: number;
  readonly incarnation: number;
  readonly at: number;
  /** Where it was taken from, as whoever imported it said; at most 4,096 characters. */
  readonly origin: string;
}

export interface HistoryRequest {
  readonly repository: string;
  /** The one that the files are of. */
  readonly incarnation: number;
  readonly at: number;
  readonly principal: string;
  /** At least one; no version of a role twice. Every version below the current one of its role, if it has one. */
  readonly files: readonly NewMetadata[];
  /** Appended if a file was not there. */
  readonly audit: AuditRecord;
}

export interface HeldKeys {
  readonly repository: string;
  /** The revision at which the keys were found to be those that its root lists. */
  readonly expectedRevision: number;
  readonly at: number;
  readonly principal: string;
  /** At least one, all of this repository. */
  readonly keys: readonly OnlineKey[];
  readonly renewAt: number | undefined;
  readonly audit: AuditRecord;
}

export interface ImportStore {
  /** Undefined: it does not exist, or its present incarnation was made here. */
  last(repository: string): Promise<ImportRecord | undefined>;

  /** What is stored of a role, versions ascending, strictly after `after`; at most `limit` (1 … 1000). Empty for unknown names. */
  versions(query: {
    repository: string;
    role: string;
    after: number;
    limit: number;
  }): Promise<readonly MetadataReference[]>;

  /**
   * All of the files, and resolves to how many of them were not there; or `CONFLICT` and none: another incarnation, one that
   * was not imported, a version that is stored with other bytes, or one that is not below the current one of its role.
   */
  addHistory(request: HistoryRequest): Promise<number>;

  /**
   * Online keys that were made elsewhere become active, and the refresher looks at `renewAt`. One that is pending becomes
   * active; one that is active is left as it is. Nothing that is served changes, nor does the revision. `CONFLICT`, and nothing
   * happens, if the repository has moved on or does not exist.
   */
  holdKeys(request: HeldKeys): Promise<void>;
}
