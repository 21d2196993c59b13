/**
 * The lock against a second server on the same data directory.
 *
 * An exclusive transaction on a database of its own, `lock.db`, held for life. The operating system frees it
 * when the process dies, however it dies. `server.pid` beside it only serves the refusal's sentence: nothing
 * is decided by it.
 *
 * Nobody may open `lock.db` by other means in this process: closing any descriptor of a file drops the
 * process's POSIX locks on it.
 */
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { StoreError } from "../../core/errors.ts";
import { isBusy } from "./errors.ts";
import { makePrivateFile, unwritable } from "./files.ts";

export interface Lock {
  /** Idempotent. */
  release(): void;
}

/** `STORE_LOCKED` if another server holds it, `STORE_UNWRITABLE` if the directory allows no lock. */
export function takeLock(directory: string): Lock {
  const path = join(directory, "lock.db");
  const pidPath = join(directory, "server.pid");
  makePrivateFile(directory, path);
  const database = openLockDatabase(directory, path);
  try {
    database.pragma("journal_mode = MEMORY");
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    throw isBusy(error) ? locked(pidPath, error) : unwritable(directory, error);
  }
  try {
    makePrivateFile(directory, pidPath);
    writeFileSync(pidPath, `${process.pid}\n`);
  } catch (error) {
    database.close();
    throw error instanceof StoreError ? error : unwritable(directory, error);
  }
  let held = true;
  return {
    release() {
      if (!held) return;
      held = false;
      rmSync(pidPath, { force: true });
      database.close();
    },
  };
}

function openLockDatabase(directory: string, path: string): Database.Database {
  try {
    return new Database(path, { timeout: 0, fileMustExist: true });
  } catch (error) {
    throw unwritable(directory, error);
  }
}

function locked(pidPath: string, cause: unknown): StoreError {
  const pid = readPid(pidPath);
  const who = pid === undefined ? "Another server" : `Another server (process ${pid})`;
  return new StoreError(
    "STORE_LOCKED",
    `${who} uses this data directory: stop it first, or give this one a directory of its own with --data.`,
    { cause, ...(pid === undefined ? {} : { detail: { pid } }) },
  );
}

function readPid(path: string): number | undefined {
  try {
    const text = /^[0-9]{1,10}$/.exec(readFileSync(path, "latin1").slice(0, 11).trim())?.[0];
    return text === undefined ? undefined : Number(text);
  } catch {
    return undefined;
  }
}
