/**
 * Opening the database file: modes, pragmas, whose file it is, and its migrations.
 *
 * - The write-ahead log is synced at every commit (`synchronous=FULL`): what is acknowledged survives a
 *   power cut.
 * - The file carries our application ID. A file with tables and without it belongs to somebody else and is
 *   not touched.
 * - `secure_delete`: what a removal deletes is overwritten in the file.
 * - `temp_store`: what a large transaction needs to undo a member of it stays in memory. By default it goes to a file of
 *   the system's directory for temporary files, which may be read-only, or no descriptor may be left to open it.
 * - Reading a write-ahead log needs a `-shm` file, which a read-only file system does not allow to be made. There, and
 *   only if no log lies beside the store (a clean stop removes it), the file is opened as immutable: SQLite takes no
 *   lock and looks for no change. It must then not change while it is read, not through another mount either.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import Database from "better-sqlite3";
import { StoreError } from "../../core/errors.ts";
import { migrationDirectory, pendingMigrations, readMigrations } from "../migrate.ts";
import { isCorrupt, resultCode, unavailable } from "./errors.ts";
import {
  isOnReadOnlyFileSystem,
  makePrivateFile,
  notReadable,
  tightenFile,
  unreadable,
  unwritable,
} from "./files.ts";
import { applicationId, applied, migrate } from "./migration.ts";

// The driver reads this once, when it opens its first database; file names here are absolute or relative paths, and
// only `openFile` makes an address of one.
process.env.SQLITE_USE_URI = "1";

/** How long a statement waits for another process's transaction, in milliseconds. */
const busyTimeout = 2_000;
/** What the log may keep on disk after it was written back, in bytes. */
const journalLimit = 64 * 1024 * 1024;

export interface ConnectionOptions {
  readonly directory: string;
  readonly readOnly: boolean;
  readonly testingOnlyMigrations?: string;
  readonly testingOnlyReadOnlyFileSystem?: boolean;
}

/** The open database with every migration applied. Errors: see `openSqlite`. */
export function connect(options: ConnectionOptions): Database.Database {
  const path = join(options.directory, "vidimus.sqlite");
  if (!options.readOnly) {
    makePrivateFile(options.directory, path);
    tightenFile(options.directory, `${path}-wal`);
    tightenFile(options.directory, `${path}-shm`);
  }
  const database = openFile(path, options);
  try {
    if (!options.readOnly) database.pragma("journal_mode = WAL");
    database.pragma("synchronous = FULL");
    database.pragma("foreign_keys = ON");
    database.pragma("trusted_schema = OFF");
    database.pragma("secure_delete = ON");
    database.pragma("temp_store = MEMORY");
    database.pragma(`journal_size_limit = ${journalLimit}`);
    recognise(database);
    migrateOrRefuse(database, options);
    return database;
  } catch (error) {
    database.close();
    throw openingError(error, options);
  }
}

function openFile(path: string, options: ConnectionOptions): Database.Database {
  try {
    const name = isImmutable(path, options) ? `${pathToFileURL(path).href}?immutable=1` : path;
    return new Database(name, { readonly: options.readOnly, fileMustExist: true, timeout: busyTimeout });
  } catch (error) {
    if (!options.readOnly) throw openingError(error, options);
    throw notReadable(path, error) ?? unavailable(error);
  }
}

function isImmutable(path: string, options: ConnectionOptions): boolean {
  const { directory, readOnly, testingOnlyReadOnlyFileSystem } = options;
  if (!readOnly || existsSync(`${path}-wal`)) return false;
  return testingOnlyReadOnlyFileSystem ?? isOnReadOnlyFileSystem(directory);
}

/** What went wrong while opening, in the contract's words. */
export function openingError(
  error: unknown,
  { directory, readOnly }: Pick<ConnectionOptions, "directory" | "readOnly">,
): StoreError {
  if (error instanceof StoreError) return error;
  if (isCorrupt(error)) return corrupt(error);
  const code = resultCode(error) ?? "";
  const rights = code.startsWith("SQLITE_READONLY") || code.startsWith("SQLITE_CANTOPEN");
  if (!rights) return unavailable(error);
  return readOnly ? unreadable(directory, error) : unwritable(directory, error);
}

function corrupt(cause?: unknown): StoreError {
  return new StoreError(
    "STORE_CORRUPT",
    "vidimus.sqlite in the data directory is not a sound store of Vidimus: restore a backup, or move the file away to start anew.",
    { cause },
  );
}

function recognise(database: Database.Database): void {
  const id = database.pragma("application_id", { simple: true });
  const tables = database.prepare("SELECT count(name) FROM sqlite_schema").pluck().get();
  if (id !== applicationId && !(id === 0 && tables === 0)) throw corrupt();
}

function migrateOrRefuse(database: Database.Database, options: ConnectionOptions): void {
  const known = readMigrations(options.testingOnlyMigrations ?? migrationDirectory("sqlite"));
  if (!options.readOnly) {
    migrate(database, options.directory, known);
  } else if (pendingMigrations(known, applied(database)).length > 0) {
    throw new StoreError("STORE_UNAVAILABLE", "The store is of an older version: start the server once.");
  }
}
