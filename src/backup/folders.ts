/**
 * Folders in which a backup is put together or taken apart: readable by their owner only, and gone on every way out.
 *
 * - What ends the process in good order (`process.exit`) removes them too; signals are made into that by the command.
 * - kill -9 leaves them. Each is held by a lock that dies with its process, so the next one in the same place sees which
 *   are nobody's and removes those.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { unwritable } from "./errors.ts";

/** Holds a folder until it is released or the process dies. Throws if somebody else holds it. */
export type TakeLock = (directory: string) => { release(): void };

export interface Folder {
  readonly path: string;
  /** It was moved elsewhere and is not ours to remove. */
  keep(): void;
  /** Idempotent. */
  remove(): void;
}

/** Attempts at a folder that nobody else has taken for a leftover. */
const attempts = 3;

/** Makes a folder in `place`. Throws `BACKUP_UNWRITABLE`. */
export function makeFolder(place: string, takeLock: TakeLock): Folder {
  removeLeftovers(place, takeLock);
  for (let attempt = 1; ; attempt += 1) {
    const path = makeIn(place, "vidimus-backup-");
    try {
      const lock = takeLock(path);
      if (existsSync(join(path, "lock.db"))) return holding(path, () => lock.release());
      lock.release();
    } catch (error) {
      rmSync(path, { recursive: true, force: true });
      if (attempt === attempts) throw unwritable(place, error);
    }
  }
}

/** Makes a folder beside `path`, on the same volume, to be moved there. Throws `BACKUP_UNWRITABLE`. */
export function makeSibling(path: string): Folder {
  const absolute = resolve(path);
  return holding(makeIn(resolve(absolute, ".."), `.${basename(absolute)}.restore-`), () => {});
}

function makeIn(place: string, prefix: string): string {
  try {
    return mkdtempSync(join(place, prefix));
  } catch (error) {
    throw unwritable(place, error);
  }
}

function holding(path: string, release: () => void): Folder {
  let held = true;
  const end = (remove: boolean) => {
    if (!held) return;
    held = false;
    process.removeListener("exit", atExit);
    release();
    if (remove) rmSync(path, { recursive: true, force: true });
  };
  const atExit = () => end(true);
  process.on("exit", atExit);
  return { path, keep: () => end(false), remove: () => end(true) };
}

function removeLeftovers(place: string, takeLock: TakeLock): void {
  const names = existsSync(place) ? readdirSync(place) : [];
  for (const name of names.filter((each) => /^vidimus-backup-[A-Za-z0-9]{6}$/.test(each))) {
    const path = join(place, name);
    try {
      const lock = takeLock(path);
      rmSync(path, { recursive: true, force: true });
      lock.release();
    } catch {
      // Somebody is at work in it, or it is not ours to remove.
    }
  }
}
