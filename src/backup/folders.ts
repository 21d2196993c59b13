/**
 * Folders in which a backup is put together or taken apart: readable by their owner only, and gone on every way out.
 *
 * - What ends the process in good order (`process.exit`) removes them too; signals are made into that by the command.
 * - kill -9 leaves them. Each is held by a lock that dies with its process, so the next one in the same place sees which
 *   are nobody's and removes those.
 * - A place may be everybody's, such as the system's for temporary files. A folder counts as a leftover only if it is
 *   this user's own and closed to all others, so that nobody can have put anything into it.
 */
import { existsSync, lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { unwritable } from "./errors.ts";

/** Holds a folder until it is released or the process dies. Throws if somebody else holds it. */
export type TakeLock = (directory: string) => { release(): void };

export interface Folder {
  readonly path: string;
  /** Idempotent. */
  remove(): void;
}

/** Attempts at a folder that nobody else has taken for a leftover. */
const attempts = 3;

/** Makes a folder in `place`. Throws `BACKUP_UNWRITABLE`. */
export function makeFolder(place: string, takeLock: TakeLock): Folder {
  removeLeftovers(place, takeLock);
  for (let attempt = 1; ; attempt += 1) {
    const path = makeIn(place);
    try {
      const lock = takeLock(path);
      if (existsSync(join(path, "lock.db"))) return holding(path, lock);
      lock.release();
    } catch (error) {
      rmSync(path, { recursive: true, force: true });
      if (attempt === attempts) throw unwritable(place, error);
    }
  }
}

function makeIn(place: string): string {
  try {
    return mkdtempSync(join(place, "vidimus-backup-"));
  } catch (error) {
    throw unwritable(place, error);
  }
}

function holding(path: string, lock: { release(): void }): Folder {
  const remove = () => {
    process.removeListener("exit", remove);
    lock.release();
    rmSync(path, { recursive: true, force: true });
  };
  process.on("exit", remove);
  return { path, remove };
}

function removeLeftovers(place: string, takeLock: TakeLock): void {
  for (const name of namesIn(place).filter((each) => /^vidimus-backup-[A-Za-z0-9]{6}$/.test(each))) {
    const path = join(place, name);
    try {
      if (!isPrivate(path)) continue;
      const lock = takeLock(path);
      rmSync(path, { recursive: true, force: true });
      lock.release();
    } catch {
      // Somebody is at work in it, or it is not ours to remove.
    }
  }
}

/** None where they cannot be read: making a folder there says why. */
function namesIn(place: string): string[] {
  try {
    return readdirSync(place);
  } catch {
    return [];
  }
}

/** Of the name itself, not of what a link leads to. */
function isPrivate(path: string): boolean {
  const stats = lstatSync(path);
  return stats.isDirectory() && (stats.mode & 0o077) === 0 && stats.uid === process.geteuid?.();
}
