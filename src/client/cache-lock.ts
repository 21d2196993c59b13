/**
 * One process at a time in a folder of the cache. A lock is a folder: making one either succeeds or fails, on every file
 * system. It is held for the moments of a commit only, so one that has stood for longer than `stale` was left by a process
 * that died, and is taken away. There is no waiting for ever: after `longestWait` the lock is an error. Who holds a lock has
 * a file in it, so that one whose lock was taken away does not end that of another.
 *
 * Packages that do this keep a heartbeat for long locks and had no release in years (docs/adr/0017).
 */
import { randomBytes } from "node:crypto";
import { mkdir, rename, rm, rmdir, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const stale = 10_000;
const longestWait = 20_000;
const firstPause = 2;
const longestPause = 50;

export async function withLock<T>(path: string, task: () => Promise<T>): Promise<T> {
  await acquire(path);
  const own = join(path, randomBytes(8).toString("hex"));
  try {
    await writeFile(own, "");
    return await task();
  } finally {
    await release(path, own);
  }
}

async function release(path: string, own: string): Promise<void> {
  try {
    await unlink(own);
    await rmdir(path);
  } catch {
    // It was taken away, and may be somebody else's by now.
  }
}

async function acquire(path: string): Promise<void> {
  let pause = firstPause;
  for (let waited = 0; !(await make(path)); waited += pause) {
    if (waited > longestWait)
      throw Object.assign(new Error("the lock is held for too long"), { code: "ELOCKED" });
    if (await isStale(path)) await takeAway(path);
    else await sleep(pause);
    pause = Math.min(pause * 2, longestPause);
  }
}

async function make(path: string): Promise<boolean> {
  try {
    await mkdir(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function isStale(path: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(path);
    return Math.abs(Date.now() - mtimeMs) > stale;
  } catch {
    return false;
  }
}

/**
 * Of several who find a lock stale, the one whose rename succeeds removes it. Whoever gets hold of a fresh one, because
 * somebody was faster, puts it back.
 */
async function takeAway(path: string): Promise<void> {
  const aside = `${path}.${randomBytes(8).toString("hex")}`;
  try {
    await rename(path, aside);
    if (!(await isStale(aside))) await rename(aside, path);
  } catch {
    // Somebody else took it away, or made a new one.
  }
  await rm(aside, { recursive: true, force: true });
}
