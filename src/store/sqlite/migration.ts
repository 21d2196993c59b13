/**
 * Applies what is pending, and keeps a copy of the store as it was.
 *
 * - Before the first migration of a store that has any, the whole store is copied to `vidimus.sqlite.schema-NNNN` beside
 *   it, NNNN being the last migration in it. No copy, no migration. It lies under the same protection as the store and
 *   holds the same sealed keys.
 * - One copy is kept. Older ones go once every migration is applied, so that a failure in the middle leaves them.
 * - One migration a transaction: each is whole or has not happened.
 */
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type Database from "better-sqlite3";
import { StoreError } from "../../core/errors.ts";
import { type AppliedMigration, type Migration, pendingMigrations } from "../migrate.ts";
import { copyInOneStep } from "./copy.ts";

/** "VIDI", in SQLite's header. */
export const applicationId = 0x56494449;

const copyName = /^vidimus\.sqlite\.schema-[0-9]{4}$/;

/** Throws what `pendingMigrations` throws, `STORE_UNAVAILABLE` without a copy, and errors of SQLite. */
export function migrate(database: Database.Database, directory: string, known: readonly Migration[]): void {
  if (pendingMigrations(known, applied(database)).length === 0) return;
  const kept = copyAsItIs(database, directory);
  const step = database.transaction((): boolean => {
    const [migration] = pendingMigrations(known, applied(database));
    if (migration === undefined) return false;
    database.pragma(`application_id = ${applicationId}`);
    database.exec(
      "CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY, sha256 TEXT NOT NULL) STRICT, WITHOUT ROWID",
    );
    database.exec(migration.sql);
    database
      .prepare("INSERT INTO migration (name, sha256) VALUES (?, ?)")
      .run(migration.name, migration.sha256);
    return true;
  });
  while (step.immediate()) {
    // The next one.
  }
  if (kept !== undefined) removeOthers(directory, kept);
}

/** In the order in which they were applied; none in an empty database. */
export function applied(database: Database.Database): AppliedMigration[] {
  const exists = database
    .prepare("SELECT count(name) FROM sqlite_schema WHERE type = 'table' AND name = 'migration'")
    .pluck()
    .get();
  if (exists === 0) return [];
  return database.prepare<[], AppliedMigration>("SELECT name, sha256 FROM migration ORDER BY name").all();
}

/** The copy's name; undefined for a store that is only now being made. */
function copyAsItIs(database: Database.Database, directory: string): string | undefined {
  const last = applied(database).at(-1);
  if (last === undefined) return undefined;
  const name = `vidimus.sqlite.schema-${last.name.slice(0, 4)}`;
  try {
    copyInOneStep(database, join(directory, name));
  } catch (cause) {
    throw new StoreError(
      "STORE_UNAVAILABLE",
      "The store has to be migrated and could not be copied before that: nothing was changed; give its disk as much free space as the store takes.",
      { cause },
    );
  }
  return name;
}

function removeOthers(directory: string, kept: string): void {
  for (const name of readdirSync(directory)) {
    if (copyName.test(name) && name !== kept) rmSync(join(directory, name));
  }
}
