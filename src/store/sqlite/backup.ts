/**
 * What a backup needs of this store (`backup/store-access.ts` says what each gives).
 *
 * A copy is opened as immutable: nothing is written beside it. It is somebody else's file until it has been looked at.
 */
import { pathToFileURL } from "node:url";
import Database from "better-sqlite3";
import { StoreError } from "../../core/errors.ts";
import { migrationDirectory, pendingMigrations, readMigrations } from "../migrate.ts";
import { connect } from "./connection.ts";
import { copyInPieces } from "./copy.ts";
import { isCorrupt, unavailable } from "./errors.ts";
import { type Altered, findAltered } from "./hashing.ts";
import { applicationId, applied } from "./migration.ts";

/** How much is in a store, and in which schema. */
export interface SqliteFacts {
  readonly schema: string;
  readonly counts: Readonly<Record<Counted, number>>;
}

const counted = {
  repositories: "SELECT count(id) FROM repository WHERE alive = 1",
  metadata: "SELECT count(id) FROM metadata",
  publications: "SELECT count(revision) FROM publication",
  changes: "SELECT count(id) FROM change",
  onlineKeys: "SELECT count(id) FROM online_key",
} as const;

type Counted = keyof typeof counted;

/** `directory`: where a server may run. `target`: a file that is not there yet. Rejects with `StoreError`. */
export async function copyStore(directory: string, target: string): Promise<void> {
  const database = connect({ directory, readOnly: true });
  try {
    await copyInPieces(database, target);
  } catch (error) {
    throw unavailable(error);
  } finally {
    database.close();
  }
}

/** Throws `STORE_CORRUPT`, `STORE_NEWER`, `MIGRATION_EDITED` or `STORE_UNAVAILABLE`. */
export function inspectCopy(file: string): SqliteFacts {
  let database: Database.Database | undefined;
  try {
    database = openCopy(file);
    if (database.pragma("application_id", { simple: true }) !== applicationId) throw unsound();
    if (database.pragma("integrity_check(1)", { simple: true }) !== "ok") throw unsound();
    const migrations = applied(database);
    pendingMigrations(readMigrations(migrationDirectory("sqlite")), migrations);
    const last = migrations.at(-1);
    if (last === undefined) throw unsound();
    return { schema: last.name, counts: countAll(database) };
  } catch (error) {
    throw isCorrupt(error) ? unsound(error) : unavailable(error);
  } finally {
    database?.close();
  }
}

/** Hashes all files in a copy that was inspected. Rejects with `STORE_CORRUPT` or `STORE_UNAVAILABLE`. */
export async function hashCopy(file: string, most: number): Promise<Altered> {
  let database: Database.Database | undefined;
  try {
    database = openCopy(file);
    return await findAltered(database, most);
  } catch (error) {
    throw isCorrupt(error) ? unsound(error) : unavailable(error);
  } finally {
    database?.close();
  }
}

function openCopy(file: string): Database.Database {
  const database = new Database(`${pathToFileURL(file).href}?immutable=1`, {
    readonly: true,
    fileMustExist: true,
  });
  database.pragma("trusted_schema = OFF");
  return database;
}

function countAll(database: Database.Database): Record<Counted, number> {
  const count = (question: string) => Number(database.prepare(question).pluck().get());
  return {
    repositories: count(counted.repositories),
    metadata: count(counted.metadata),
    publications: count(counted.publications),
    changes: count(counted.changes),
    onlineKeys: count(counted.onlineKeys),
  };
}

function unsound(cause?: unknown): StoreError {
  return new StoreError(
    "STORE_CORRUPT",
    "The copy of the store is not sound, so the store is damaged: keep the backups that there are, and restore the last good one.",
    { cause },
  );
}
