/** The lock file that a command finds: its text, and what it says. */
import { stat } from "node:fs/promises";
import { TrustError } from "../errors.ts";
import { type LockFile, readLock, readLockText } from "../locking/lockfile.ts";

export interface LockAtHand {
  readonly name: string;
  readonly text: string;
  readonly lock: LockFile;
}

/** Undefined if there is none of this name. Throws `LOCK_INVALID`, `FILE_UNREADABLE`. */
export async function lockAtHand(name: string): Promise<LockAtHand | undefined> {
  if (!(await isThere(name))) return undefined;
  const text = await readLockText(name);
  return { name, text, lock: readLock(text, name) };
}

/** Throws `FILE_UNREADABLE` where nobody can tell. */
export async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw new TrustError("FILE_UNREADABLE", "This file cannot be looked at.", { file: path, cause: error });
  }
}
