/** Directories, and names in them, that outlive a power cut. */
import { chmodSync, closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

/** Waits until a file's bytes, or the names in a directory, are on the disk. Throws what the system says. */
export function sync(path: string): void {
  const opened = openSync(path, "r");
  try {
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}

/**
 * A directory with mode 0700, whatever the umask says, with those above it that are missing. What is stored in it is only
 * as durable as its own name, so that is synced too. One that is there already stays as it is.
 *
 * Level by level: the platform's own `recursive` never ends where nothing can be made, as in `/proc` (Node 24).
 * Returns the uppermost directory that was made. Throws what the system says.
 */
export function makeDirectory(path: string): string | undefined {
  const absolute = resolve(path);
  const missing: string[] = [];
  for (let each = absolute; !existsSync(each); each = dirname(each)) missing.push(each);
  for (const each of missing.toReversed()) makeOne(each);
  if (!statSync(absolute).isDirectory()) {
    throw Object.assign(new Error(`${absolute} is a file`), { code: "ENOTDIR" });
  }
  if (missing.length > 0) chmodSync(absolute, 0o700);
  for (const each of missing) sync(dirname(each));
  return missing.at(-1);
}

/** Somebody else may make it at the same time. */
function makeOne(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const isThere = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
    if ((error as NodeJS.ErrnoException).code !== "EEXIST" || !isThere) throw error;
  }
}
