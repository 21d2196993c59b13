/**
 * From SQLite's result codes to the contract's refusals. A driver's text goes into `cause` and nowhere else.
 */
import Database from "better-sqlite3";
import { StoreError } from "../../core/errors.ts";

/** SQLite's extended result code (`SQLITE_IOERR_FSYNC`), or undefined if the error is none of SQLite's. */
export function resultCode(error: unknown): string | undefined {
  return error instanceof Database.SqliteError ? error.code : undefined;
}

/** Two callers wrote the same row: the loser is told so and re-reads. */
export function isRace(error: unknown): boolean {
  const code = resultCode(error);
  return code === "SQLITE_CONSTRAINT_UNIQUE" || code === "SQLITE_CONSTRAINT_PRIMARYKEY";
}

export function isBusy(error: unknown): boolean {
  return resultCode(error)?.startsWith("SQLITE_BUSY") ?? false;
}

export function isFull(error: unknown): boolean {
  return resultCode(error) === "SQLITE_FULL";
}

/** The file is not a database of ours, or no longer a sound one. */
export function isCorrupt(error: unknown): boolean {
  const code = resultCode(error);
  return code !== undefined && (code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB");
}

export function conflict(message: string, cause?: unknown): StoreError {
  return new StoreError("CONFLICT", message, cause === undefined ? {} : { cause });
}

const sentences: readonly (readonly [prefix: string, sentence: string])[] = [
  ["SQLITE_BUSY", "The store is busy with another writer: try again."],
  ["SQLITE_LOCKED", "The store is busy with another writer: try again."],
  ["SQLITE_FULL", "The store's disk is full: nothing was written; free some space."],
  ["SQLITE_READONLY", "The store cannot be written: nothing was changed."],
  ["SQLITE_CORRUPT", "The store's file is damaged: stop the server and restore a backup."],
  ["SQLITE_NOTADB", "The store's file is damaged: stop the server and restore a backup."],
];

/** Nothing happened, for a reason that lies below the store: damage is called so. `StoreError`s pass unchanged. */
export function unavailable(cause: unknown): StoreError {
  if (cause instanceof StoreError) return cause;
  const code = resultCode(cause) ?? "";
  const sentence = sentences.find(([prefix]) => code.startsWith(prefix))?.[1];
  return new StoreError(
    isCorrupt(cause) ? "STORE_CORRUPT" : "STORE_UNAVAILABLE",
    sentence ?? "The store cannot be used at the moment: try again.",
    {
      cause,
    },
  );
}

export function commitUnknown(cause: unknown): StoreError {
  return new StoreError(
    "COMMIT_UNKNOWN",
    "The store could not finish writing and cannot tell whether the change happened: read again before repeating it.",
    { cause },
  );
}

export function closed(): StoreError {
  return new StoreError("STORE_UNAVAILABLE", "The store is closed.");
}

export function readOnly(): StoreError {
  return new StoreError("STORE_UNAVAILABLE", "The store was opened for reading only.");
}
