/**
 * The data directory and the files in it: only their owner may read them, whatever the umask says.
 *
 * A directory made here has mode 0700; one that was there before keeps the mode its owner gave it. SQLite
 * gives `-wal` and `-shm` the mode of the database file, and syncs the names of the files that it makes.
 */
import { accessSync, chmodSync, closeSync, constants, existsSync, openSync } from "node:fs";
import { resolve } from "node:path";
import { StoreError } from "../../core/errors.ts";
import { makeDirectory } from "../../durable.ts";

/** This message and the next name a directory: only whoever starts the server sees them. */
export function unwritable(directory: string, cause: unknown): StoreError {
  return new StoreError(
    "STORE_UNWRITABLE",
    `The data directory ${resolve(directory)} cannot be written: give its owner the right to write there, or choose another directory.`,
    { cause },
  );
}

/** As above, for a reader. */
export function unreadable(directory: string, cause: unknown): StoreError {
  return new StoreError(
    "STORE_UNWRITABLE",
    `The store in ${resolve(directory)} cannot be read without writing: SQLite makes files beside it. Give this user the right to write there, or, if the file system is read-only, start and stop a server once where it can be written.`,
    { cause },
  );
}

/** Why a reader could not open the store's file. Undefined: not for its name or its rights. */
export function notReadable(path: string, cause: unknown): StoreError | undefined {
  try {
    accessSync(path, constants.R_OK);
    return undefined;
  } catch (error) {
    const { code = "unknown" } = error as NodeJS.ErrnoException;
    const file = resolve(path);
    const sentence =
      code === "ENOENT"
        ? `There is no store ${file}: name the data directory of a server with --data.`
        : `The store ${file} cannot be read (${code}): run this as the server's user, or give this one the right to read it.`;
    return new StoreError(code === "ENOENT" ? "STORE_UNAVAILABLE" : "STORE_UNWRITABLE", sentence, { cause });
  }
}

/** True if nobody can write through this mount, whatever their rights. */
export function isOnReadOnlyFileSystem(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EROFS";
  }
}

export function makeDataDirectory(directory: string): void {
  try {
    makeDirectory(directory);
  } catch (error) {
    throw unwritable(directory, error);
  }
}

/**
 * Makes the file if it is missing, and closes it to everybody but its owner. One that exists is not opened:
 * closing a descriptor drops every POSIX lock that SQLite holds on the file in this process.
 */
export function makePrivateFile(directory: string, path: string): void {
  try {
    if (!existsSync(path)) closeSync(openSync(path, "wx", 0o600));
    chmodSync(path, 0o600);
  } catch (error) {
    throw unwritable(directory, error);
  }
}

/** As above, for files that SQLite may have left from an earlier run. */
export function tightenFile(directory: string, path: string): void {
  if (existsSync(path)) makePrivateFile(directory, path);
}
