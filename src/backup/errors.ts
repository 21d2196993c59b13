/**
 * Why a backup cannot be made, read or restored. These sentences go to the operator's terminal: they may name files, and
 * never hold a passphrase, an identity or anything from inside a backup but its versions and the names of damaged files.
 */
export type BackupCode =
  /** Not an age file, or not a backup of Vidimus inside. */
  | "NOT_A_BACKUP"
  | "BACKUP_DAMAGED"
  | "BACKUP_NEWER"
  /** By another passphrase, or to somebody else. */
  | "BACKUP_NOT_OPENED"
  /** The passphrase, identity or recipient that was given is none. */
  | "BACKUP_KEY_UNUSABLE"
  | "BACKUP_UNREADABLE"
  /** No space, no rights: the backup itself, or the place where it is put together or restored. */
  | "BACKUP_UNWRITABLE"
  | "NOT_EMPTY";

export class BackupError extends Error {
  readonly code: BackupCode;

  constructor(code: BackupCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "BackupError";
    this.code = code;
  }
}

export function notABackup(cause?: unknown): BackupError {
  return new BackupError(
    "NOT_A_BACKUP",
    "This is not a backup of Vidimus: give a file that `vidimus backup create` wrote.",
    cause,
  );
}

export function unusable(message: string, cause?: unknown): BackupError {
  return new BackupError("BACKUP_KEY_UNUSABLE", message, cause);
}

export function damaged(what: string, cause?: unknown): BackupError {
  return new BackupError(
    "BACKUP_DAMAGED",
    `The backup is damaged or cut off (${what}): take another one.`,
    cause,
  );
}

export function unwritable(place: string, cause: unknown): BackupError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code ?? "unknown";
  return new BackupError(
    "BACKUP_UNWRITABLE",
    `${place} cannot be written (${code}): give it enough free space and this user the right to write there, or name another place.`,
    cause,
  );
}
