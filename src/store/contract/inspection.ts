/**
 * The rows of a store as they lie there, for `vidimus fsck`: nothing is joined, checked or put right on the way, so that
 * a damaged row is seen as it is. A back end without a file of its own has none.
 *
 * **Consistency.** All that is read inside one `inspect` stands at one instant; whoever writes beside it goes on.
 *
 * **Bounds.** Lists of rows come in pages, bytes one file at a time: nothing grows with the store.
 *
 * **Errors.** `STORE_CORRUPT` where the rows themselves cannot be read; otherwise as the store.
 */
import type { AuditEntry } from "./audit.ts";
import type { ProposalEvent, ProposalFile, ProposalSignature } from "./proposals.ts";
import type { RemovedFile } from "./retention.ts";
import type { ChangeRecord, Format, KeyUse, MetadataReference, OnlineKey } from "./store.ts";

export interface FileRow extends MetadataReference {
  /** Opaque: for `bytes` and `pointers`. */
  readonly id: number;
  readonly expires: number;
  /** Of the repository, when the file was committed. */
  readonly revision: number;
}

/** Which file a role has now. The fields of the file are undefined if there is none. */
export interface PointerRow {
  readonly role: string;
  readonly id: number;
  /** Whether the file is of this repository and this role. */
  readonly own: boolean;
  readonly version: number | undefined;
  readonly sha256: string | undefined;
}

/** The record of who changed what, counted: one row a revision. */
export interface HistoryCount {
  readonly rows: number;
  readonly highest: number;
  readonly removals: number;
  /** Revision of the last removal; 0 without one. */
  readonly lastRemoval: number;
}

/** One row of that record. */
export interface HistoryRow {
  readonly revision: number;
  readonly incarnation: number;
  readonly at: number;
  readonly kind: "publish" | "refresh" | "import" | "removal";
  readonly principal: string;
  /** Number of the entry of the audit trail that tells of it; 0: it is older than the trail. */
  readonly audit: number;
}

export interface KeyRow extends OnlineKey {
  readonly pending: boolean;
}

/** One name. `repository` is undefined if there is nothing of it but keys and proposals. */
export interface RepositoryRows {
  readonly name: string;
  readonly repository:
    | {
        readonly alive: boolean;
        readonly format: Format;
        readonly revision: number;
        readonly incarnation: number;
        /** When the refresher is to look at it; undefined: never. */
        readonly renewAt: number | undefined;
      }
    | undefined;
  floors(): ReadonlyMap<string, number>;
  pointers(): readonly PointerRow[];
  history(): HistoryCount;
  /** By revision, strictly after the given one. */
  record(after: number, limit: number): readonly HistoryRow[];
  /** An entry of the audit trail, of whatever it is. */
  told(number: number): AuditEntry | undefined;
  /** How many entries tell of publications, renewals and removals of the name; recoveries left out. */
  toldChanges(): number;
  /** The next entry after a number that tells of files of the name that retention took away. */
  toldRemoval(after: number): AuditEntry | undefined;
  /** The row of one revision. */
  recorded(revision: number): HistoryRow | undefined;
  /** By role in byte order, then version, strictly after the given ones. */
  files(after: { readonly role: string; readonly version: number }, limit: number): readonly FileRow[];
  /** Those that retention has taken away, likewise. */
  removedFiles(
    after: { readonly role: string; readonly version: number },
    limit: number,
  ): readonly RemovedFile[];
  bytes(id: number): Uint8Array | undefined;
  /** At which revision a file of the role with this digest was committed; undefined if none is stored or was taken away. */
  revisionOf(role: string, sha256: string): number | undefined;
  /** The repository's own rows of the changefeed, by ID, strictly after the given one. */
  changes(after: number, limit: number): readonly ChangeRecord[];
  keys(): readonly KeyRow[];
  /** In no order. */
  keyUses(limit: number): readonly KeyUse[];
  /** The next proposal after a place; 0: the first. */
  proposal(after: number): ProposalRow | undefined;
  /** Whether a bare key is denied, or once was: by its ID. */
  wasDenied(keyId: string): boolean;
}

export interface ProposalRow {
  /** Opaque but for its order. */
  readonly place: number;
  readonly id: string;
  readonly state: string;
  readonly revision: number;
  readonly openedAt: number;
  readonly openedBy: string;
  readonly expiresAt: number;
  readonly settledAt: number | undefined;
  readonly note: string;
  readonly digest: string;
  readonly complete: boolean;
  readonly reason: string;
  readonly bytes: number;
  /** Of the entry of the audit trail that tells of its end; 0: older than the trail. */
  readonly audit: number | undefined;
  readonly base: ReadonlyMap<string, number>;
  readonly files: readonly Omit<ProposalFile, "signatures">[];
  /** In the order in which they came. */
  readonly signatures: readonly (ProposalSignature & { readonly role: string })[];
  readonly events: readonly ProposalEvent[];
}

/** The changefeed of all repositories. */
export interface FeedCount {
  readonly rows: number;
  readonly highest: number;
  /** The highest ID that was ever given. */
  readonly given: number;
  /** The first ID that is missing below the highest; undefined if there is none. */
  readonly hole: number | undefined;
  /** Rows whose repository is not known. */
  readonly strays: number;
  /** The latest instant in it. */
  readonly latest: number;
}

export interface StoreInspection {
  /** What the back end's own check finds in its file, at most 100 sentences; empty when all is well. */
  integrity(): readonly string[];
  /** What no back end would have written into the register of keys, at most 100 sentences. */
  register(): readonly string[];
  /** What no back end would have written about people, teams, permissions and tokens, at most 100 sentences. */
  access(): readonly string[];
  /** What does not fit together in the outbox, at most 100 sentences. */
  outbox(): readonly string[];
  keyring(): Uint8Array | undefined;
  hasKeys(): boolean;
  feed(): FeedCount;
  /** Entries of the audit trail, by number, strictly after the given one. */
  trail(after: number, limit: number): readonly AuditEntry[];
  /** Every name that is or was a repository, holds keys or has proposals, in byte order, strictly after `after`. */
  names(after: string, limit: number): readonly string[];
  inspect<T>(name: string, work: (rows: RepositoryRows) => Promise<T>): Promise<T>;
  close(): void;
}
