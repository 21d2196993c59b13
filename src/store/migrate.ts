/**
 * Migrations: numbered SQL files, applied in order, one transaction each, and recorded with their SHA-256.
 *
 * - What is recorded must be a beginning of what is known, byte for byte. Everything else is refused before
 *   anything is written: the schema is never guessed.
 * - A migration and its record are one transaction, so that an interrupted one has not happened and is
 *   taken up again at the next start.
 *
 * This module reads files and decides; the back end executes.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { StoreError } from "../core/errors.ts";

export interface Migration {
  /** File name without `.sql`: four digits, an underscore, lower-case words. */
  readonly name: string;
  readonly sql: string;
  /** Lower-case hex over the file's bytes. */
  readonly sha256: string;
}

export type AppliedMigration = Pick<Migration, "name" | "sha256">;

const pattern = /^([0-9]{4}_[a-z0-9_]+)\.sql$/;

/** Where the migrations of a back end lie: `migrations/<back end>` beside the folder this code is in. */
export function migrationDirectory(backEnd: "sqlite"): string {
  return fileURLToPath(new URL(`../../migrations/${backEnd}/`, import.meta.url));
}

/** All migrations of a directory, in order. Other files are ignored. */
export function readMigrations(directory: string): readonly Migration[] {
  const migrations: Migration[] = [];
  for (const file of readdirSync(directory).sort()) {
    const name = pattern.exec(file)?.[1];
    if (name === undefined) continue;
    const bytes = readFileSync(`${directory}/${file}`);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    migrations.push({ name, sql: bytes.toString("utf8"), sha256 });
  }
  if (migrations.length === 0) throw new Error("There are no migrations beside the program.");
  return migrations;
}

/**
 * What is still to be applied, in order.
 *
 * `STORE_NEWER`: a recorded migration is not known here. `MIGRATION_EDITED`: one was changed after it was
 * applied, or a new one was put before one that is applied already.
 */
export function pendingMigrations(
  known: readonly Migration[],
  applied: readonly AppliedMigration[],
): readonly Migration[] {
  const names = new Set(known.map((migration) => migration.name));
  for (const { name } of applied) {
    if (!names.has(name)) {
      throw new StoreError(
        "STORE_NEWER",
        `The store was written by a newer Vidimus (migration ${name} is unknown here): start that version or a later one.`,
        { detail: { migration: name } },
      );
    }
  }
  const recorded = new Map(applied.map((migration) => [migration.name, migration.sha256]));
  for (const [index, migration] of known.entries()) {
    const sha256 = recorded.get(migration.name);
    const fits = index < applied.length ? sha256 === migration.sha256 : sha256 === undefined;
    if (!fits) {
      throw new StoreError(
        "MIGRATION_EDITED",
        `Migration ${migration.name} is not the one this store was made with: bring back the original file, or restore the store that belongs to this one.`,
        { detail: { migration: migration.name } },
      );
    }
  }
  return known.slice(applied.length);
}
