/**
 * Copies of the store, as it is at one instant, its log included.
 *
 * - Made from one read transaction: what is committed meanwhile is not in it, and nobody who writes has to wait. The log
 *   cannot be written back past that transaction and grows until it ends.
 * - Readable by their owner only, from the first byte on.
 */
import { closeSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type Database from "better-sqlite3";
import { sync } from "../../durable.ts";

/**
 * Piece by piece, beside whoever writes, in this process or another. Nothing is synced. On failure `path` may be left,
 * half of it.
 */
export async function copyInPieces(database: Database.Database, path: string): Promise<void> {
  makePrivate(path);
  // The copying goes by the transaction that is open here; without it, every commit of others would begin it anew.
  database.exec("BEGIN");
  try {
    database.prepare("SELECT count(name) FROM sqlite_schema").get();
    await database.backup(resolve(path));
  } finally {
    database.exec("ROLLBACK");
  }
}

/** Without a pause, durable when it returns: `path` has the whole copy, or is as it was before. */
export function copyInOneStep(database: Database.Database, path: string): void {
  const unfinished = `${resolve(path)}.partial`;
  try {
    rmSync(unfinished, { force: true });
    makePrivate(unfinished);
    database.prepare("VACUUM INTO ?").run(unfinished);
    sync(unfinished);
    renameSync(unfinished, path);
    sync(dirname(path));
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw error;
  }
}

function makePrivate(path: string): void {
  closeSync(openSync(path, "wx", 0o600));
}
