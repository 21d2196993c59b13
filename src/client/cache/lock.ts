/**
 * One process at a time in a folder of the cache, or at the files that are written for a build. A lock is a folder with one file in it, whose name nobody else has. It is
 * made under another name and then renamed: that succeeds where nothing or an empty folder is, and else fails, on every
 * file system. A lock ends when its file is removed, so that nobody ends another's by mistake, however late they come.
 *
 * It is held for the moments of a commit only, so one that has stood for longer than `stale` was left by a process that
 * died, and is ended. Whoever was only slow does its work again, once. There is no waiting for ever: after `longestWait`
 * the lock is an error.
 *
 * Packages that do this keep a heartbeat for long locks and had no release in years (docs/adr/0017).
 */
import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm, rmdir, stat, unlink, utimes, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const stale = 10_000;
const longestWait = 20_000;
const firstPause = 2;
const longestPause = 50;

/** Somebody else took over. What the task has thrown it for is not done. */
class LostLock extends Error {
  override readonly name = "LostLock";
  readonly code = "ELOCKED";
}

type Task<T> = (held: () => Promise<void>) => Promise<T>;

/**
 * @param task is given a check that throws unless the lock is still held: whoever was stopped for longer than `stale` has
 * lost it, and must not write any more. It then runs a second time, from its beginning, under a lock of its own.
 */
export async function withLock<T>(path: string, task: Task<T>): Promise<T> {
  try {
    return await once(path, task);
  } catch (error) {
    if (!(error instanceof LostLock)) throw error;
    return await once(path, task);
  }
}

async function once<T>(path: string, task: Task<T>): Promise<T> {
  const own = randomBytes(8).toString("hex");
  await acquire(path, own);
  try {
    return await task(async () => {
      if ((await ageOf(join(path, own))) === undefined) throw new LostLock("the lock was lost meanwhile");
    });
  } finally {
    await end(path, own);
  }
}

/** One process at a time that changes a file, by a lock beside it. `task` is given the same check. */
export function whileWriting<T>(file: string, task: (held: () => Promise<void>) => Promise<T>): Promise<T> {
  return withLock(join(dirname(file), `.${basename(file)}.writing`), task);
}

/** Whether a name beside a lock is that of one which a process that died never put in its place. */
export async function isLeftover(path: string): Promise<boolean> {
  return /\.[0-9a-f]{16}$/.test(path) && ((await ageOf(path)) ?? 0) > longestWait + stale;
}

async function acquire(path: string, own: string): Promise<void> {
  const made = `${path}.${own}`;
  await mkdir(made);
  try {
    await writeFile(join(made, own), "");
    let pause = firstPause;
    for (let waited = 0; !(await put(made, own, path)); waited += pause) {
      if (waited > longestWait)
        throw Object.assign(new Error("the lock is held for too long"), { code: "ELOCKED" });
      if (!(await endStale(path))) await sleep(pause);
      pause = Math.min(pause * 2, longestPause);
    }
  } catch (error) {
    await rm(made, { recursive: true, force: true });
    throw error;
  }
}

async function put(made: string, own: string, path: string): Promise<boolean> {
  // Its age counts from now, not from the beginning of the wait.
  const now = new Date();
  await utimes(join(made, own), now, now);
  try {
    await rename(made, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTEMPTY" || code === "EEXIST") return false;
    throw error;
  }
}

async function endStale(path: string): Promise<boolean> {
  let ended = false;
  for (const name of await readdir(path).catch(() => [])) {
    if (((await ageOf(join(path, name))) ?? 0) <= stale) continue;
    await end(path, name);
    ended = true;
  }
  return ended;
}

async function end(path: string, name: string): Promise<void> {
  try {
    await unlink(join(path, name));
    await rmdir(path);
  } catch {
    // Somebody ended it, or has the place already.
  }
}

/** In milliseconds; a date in the future is as odd as one long ago. Undefined of what is gone. */
async function ageOf(path: string): Promise<number | undefined> {
  try {
    return Math.abs(Date.now() - (await stat(path)).mtimeMs);
  } catch {
    return undefined;
  }
}
