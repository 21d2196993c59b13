/** What can be wrong with what an old Notary left behind: its databases, and the keys in them. */

export const databaseCodes = [
  /** Nobody answers at the address, or lets us in. */
  "DATABASE_UNREACHABLE",
  /** It is no database of Notary's: a table or a column is missing. */
  "DATABASE_FOREIGN",
  /** It broke off while it was read. */
  "DATABASE_BROKE_OFF",
  "DUMP_UNREADABLE",
  /** It ends before it is complete. */
  "DUMP_CUT_OFF",
  /** It is no text that mysqldump or mariadb-dump writes, or is beyond a bound. */
  "DUMP_MALFORMED",
] as const;
export type DatabaseCode = (typeof databaseCodes)[number];

export const oldKeyCodes = [
  "OLD_PASSPHRASE_MISSING",
  /** Or every key under it is damaged, which nobody can tell apart. */
  "OLD_PASSPHRASE_WRONG",
  "OLD_PASSPHRASE_UNREADABLE",
  /** It does not open, although others under its passphrase do, or holds another key than it says. */
  "OLD_KEY_DAMAGED",
  /** None of them is a key that a repository here lists. */
  "OLD_KEYS_FOREIGN",
  /** The server did not take it in. */
  "OLD_KEY_REFUSED",
  /** Its repository has a name that none can have here. */
  "BAD_REPOSITORY_NAME",
  /** It is no Vidimus, so it says nothing of the keys that it holds. */
  "OLD_KEYS_UNTOLD",
] as const;
export type OldKeyCode = (typeof oldKeyCodes)[number];

abstract class MovingFault extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
  }
}

/** The sentence names the file or the place of the database, never a password. */
export class DatabaseError extends MovingFault {
  readonly code: DatabaseCode;
  constructor(code: DatabaseCode, message: string, cause?: unknown) {
    super(message, cause);
    this.code = code;
  }
}

export class OldKeyError extends MovingFault {
  readonly code: OldKeyCode;
  constructor(code: OldKeyCode, message: string, cause?: unknown) {
    super(message, cause);
    this.code = code;
  }
}
