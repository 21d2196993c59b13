/**
 * What `vidimus fsck` can find. A code is stable: scripts read it and docs/operations.md lists it. Sentences go to the
 * operator alone and say what to do.
 */

export const damageCodes = [
  /** The database's own check of its file. */
  "DATABASE_DAMAGED",
  /** A file's bytes do not have the digest of their row. */
  "FILE_ALTERED",
  "FILE_LENGTH",
  /** The bytes are what they were, and cannot be read as metadata of their role. */
  "FILE_MALFORMED",
  /** The row says another version, expiry or revision than the file and the record of changes. */
  "FILE_MISLABELLED",
  /** Something that is stored names a file that is not. */
  "FILE_MISSING",
  "ROOT_CHAIN_BROKEN",
  /** A current file that its keys do not vouch for, or that is not the one that the file above names. */
  "CHAIN_BROKEN",
  "POINTER_WRONG",
  /** The record of changes does not lead to the repository's revision. */
  "HISTORY_BROKEN",
  /** The changefeed lacks rows. */
  "FEED_HOLE",
  /** A row of the changefeed does not belong to the timestamp that it announces. */
  "FEED_WRONG",
  "FLOOR_WRONG",
  /** Dates of one change that differ, or that lie ahead. */
  "DATE_WRONG",
  /** A repository that the refresher would look at too late, or never. */
  "RENEWAL_WRONG",
  /** What is remembered of who uses which key is not what the root says. */
  "KEY_USE_WRONG",
  /** The row says another format than the files have. */
  "FORMAT_WRONG",
  /** Files, pointers, active keys or their uses of a repository that is not there. */
  "LEFTOVER",
  "KEYRING_MISSING",
  "KEYRING_UNOPENED",
  "KEY_DAMAGED",
  "KEY_MISMATCH",
  "KEY_MISSING",
  /** A key of the root that is marked as waiting, or the other way round. */
  "KEY_STATE_WRONG",
  /** What waits to be told to the outside does not fit together. */
  "OUTBOX_WRONG",
  "REGISTER_WRONG",
  /** People, teams, permissions or tokens that nobody can have made. */
  "ACCESS_WRONG",
  /** What retention took away is current, a root, or still there. */
  "REMOVAL_WRONG",
  /** The files of a proposal are not what was opened, or it does not rest on what they rest on. */
  "PROPOSAL_ALTERED",
  /** An open proposal does not rest on what is current. */
  "PROPOSAL_STALE",
  /** A signature of an open proposal that would not count, so that its signer believes to have signed. */
  "PROPOSAL_SIGNATURE_WRONG",
  /** State, dates, size or completeness of a proposal are not what its events and signatures say. */
  "PROPOSAL_RECORD_WRONG",
  /** The audit trail lacks an entry in the middle, or one is not what it was. */
  "TRAIL_BROKEN",
  /** A change, or the end of a proposal, of which the audit trail does not tell. */
  "TRAIL_INCOMPLETE",
] as const;

export type DamageCode = (typeof damageCodes)[number];

export interface Damage {
  readonly code: DamageCode;
  readonly repository?: string;
  readonly role?: string;
  readonly version?: number;
  readonly sentence: string;
}

/** Where a damage lies; what is told of one repository leaves its name to `scoped`. */
export type Place = Pick<Damage, "role" | "version">;
export type Report = (code: DamageCode, place: Place, sentence: string) => void;

/** What is done about most of it. */
export const restore = "restore the store from a backup.";

/** What was looked at. */
export interface Examined {
  repositories: number;
  files: number;
  keys: number;
}
