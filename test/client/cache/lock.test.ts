import { mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { diskCache } from "../../../src/client/cache/cache.ts";
import { isLeftover, withLock } from "../../../src/client/cache/lock.ts";
import { cachedState, cacheKey, targetsBytes } from "../../support/caching.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { trustCodeOf } from "../../support/fetching.ts";

/** Pauses that somebody asked for, in milliseconds; nobody really waits. */
const pauses: number[] = [];
vi.mock("node:timers/promises", () => ({
  setTimeout: async (milliseconds: number) => {
    pauses.push(milliseconds);
    await new Promise((resolve) => setImmediate(resolve));
    if (pauses.length > mostPauses) await going;
  },
}));
/** After so many the next one lasts until `going`: time in a test stands still while others are at work. */
let mostPauses = Number.POSITIVE_INFINITY;
let going: Promise<void> | undefined;

let folder: string;
let path: string;

beforeEach(() => {
  pauses.length = 0;
  mostPauses = Number.POSITIVE_INFINITY;
  going = undefined;
  folder = temporaryDirectory();
  path = join(folder, "lock");
});

/** How many of so many tasks that want the lock together were inside at once. */
async function mostAtOnce(tasks: number): Promise<number> {
  let inside = 0;
  let most = 0;
  const task = async () => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside--;
  };
  await Promise.all(Array.from({ length: tasks }, () => withLock(path, task)));
  return most;
}

describe("a lock", () => {
  it("is held by one at a time", async () => {
    expect([await mostAtOnce(20), readdirSync(folder)]).toEqual([1, []]);
  });

  it("gives what the task gives", async () => {
    expect(await withLock(path, async () => 5)).toBe(5);
  });

  it("ends with a task that fails", async () => {
    const work = withLock(path, async () => {
      throw new RangeError("failed");
    });
    await expect(work).rejects.toThrow(RangeError);
    expect(readdirSync(folder)).toEqual([]);
  });

  it("in a folder that is not there is an error at once", async () => {
    await expect(withLock(join(folder, "missing", "lock"), async () => 5)).rejects.toMatchObject({
      code: "ENOENT",
    });
    expect(pauses).toEqual([]);
  });
});

describe("a lock that somebody left", () => {
  const leave = (seconds: number) => {
    mkdirSync(path);
    writeFileSync(join(path, "0123456789abcdef"), "");
    const then = new Date(Date.now() - seconds * 1_000);
    utimesSync(join(path, "0123456789abcdef"), then, then);
  };

  it.each([11, 3_600, -3_600])("%d seconds ago is taken over without a pause", async (seconds) => {
    leave(seconds);
    expect(await withLock(path, async () => readdirSync(path))).not.toContain("0123456789abcdef");
    expect([pauses, readdirSync(folder)]).toEqual([[], []]);
  });

  it("is taken over by one of many", async () => {
    leave(60);
    expect([await mostAtOnce(10), readdirSync(folder)]).toEqual([1, []]);
  });
});

describe("what a process that died left", () => {
  it("before its lock was in place is told from what a live one is about to put there", async () => {
    const left = `${path}.0123456789abcdef`;
    mkdirSync(left);
    expect(await isLeftover(left)).toBe(false);
    utimesSync(left, 0, 0);
    expect(await isLeftover(left)).toBe(true);
  });

  it("as an empty lock is none", async () => {
    mkdirSync(path);
    expect(await withLock(path, async () => 5)).toBe(5);
    expect([pauses, readdirSync(folder)]).toEqual([[], []]);
  });
});

describe("a lock that was lost to somebody else", () => {
  /** As if this process had been stopped for longer than a lock lives. */
  const lose = async () => {
    for (const name of readdirSync(path)) utimesSync(join(path, name), 0, 0);
    await withLock(path, async () => {});
  };

  it("has the task run again under a new one, once", async () => {
    let runs = 0;
    const result = await withLock(path, async (held) => {
      if (++runs === 1) await lose();
      await held();
      return runs;
    });
    expect([result, runs, readdirSync(folder)]).toEqual([2, 2, []]);
  });

  it("twice is an error", async () => {
    let runs = 0;
    const work = withLock(path, async (held) => {
      runs++;
      await lose();
      await held();
    });
    await expect(work).rejects.toMatchObject({ code: "ELOCKED" });
    expect([runs, readdirSync(folder)]).toEqual([2, []]);
  });

  it("has nothing run again that failed for another reason", async () => {
    let runs = 0;
    const work = withLock(path, async () => {
      runs++;
      await lose();
      throw new RangeError("failed");
    });
    await expect(work).rejects.toThrow(RangeError);
    expect(runs).toBe(1);
  });

  it("does not cost a commit", async () => {
    const cache = diskCache(folder);
    await cache.commit(cacheKey, cachedState(1, 1), { base: undefined, files: targetsBytes(1) });
    path = join(cache.fileOf(cacheKey), "..", "lock");
    const lost = new Map(targetsBytes(2));
    let took = false;
    const files: ReadonlyMap<string, Buffer> = Object.assign(lost, {
      get: (role: string) => {
        if (!took) {
          took = true;
          for (const name of readdirSync(path)) rmSync(join(path, name));
        }
        return Map.prototype.get.call(lost, role);
      },
    });
    await cache.commit(cacheKey, cachedState(1, 2), { base: undefined, files });
    expect(took).toBe(true);
    expect(await cache.load(cacheKey)).toEqual(cachedState(1, 2));
  });
});

describe("a lock that is held", () => {
  it("is waited for, in pauses that grow to 50 ms", async () => {
    const [entered, done] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const holder = withLock(path, async () => {
      entered.resolve();
      await done.promise;
    });
    await entered.promise;
    const freed = Promise.withResolvers<void>();
    [mostPauses, going] = [8, freed.promise];
    const second = withLock(path, async () => 2);
    await vi.waitUntil(() => pauses.length > mostPauses);
    done.resolve();
    await holder;
    freed.resolve();
    expect(await second).toBe(2);
    // Nothing was waited for any more once the lock was free.
    expect(pauses).toEqual([2, 4, 8, 16, 32, 50, 50, 50, 50]);
  });

  it("for longer than 20 seconds is an error, and stays", async () => {
    mkdirSync(path);
    writeFileSync(join(path, "0123456789abcdef"), "");
    await expect(withLock(path, async () => 5)).rejects.toMatchObject({ code: "ELOCKED" });
    expect([readdirSync(folder), readdirSync(path)]).toEqual([["lock"], ["0123456789abcdef"]]);
    expect(pauses.reduce((sum, each) => sum + each, 0)).toBeGreaterThan(19_900);
    expect(pauses.reduce((sum, each) => sum + each, 0)).toBeLessThan(20_100);
  });

  it("for longer than 20 seconds is CACHE_UNUSABLE to a commit", async () => {
    const cache = diskCache(folder);
    await cache.commit(cacheKey, cachedState(1, 1), { base: undefined, files: targetsBytes(1) });
    const lock = join(cache.fileOf(cacheKey), "..", "lock");
    mkdirSync(lock);
    writeFileSync(join(lock, "0123456789abcdef"), "");
    expect(
      await trustCodeOf(
        cache.commit(cacheKey, cachedState(1, 2), { base: undefined, files: targetsBytes(2) }),
      ),
    ).toBe("CACHE_UNUSABLE");
    expect((await cache.load(cacheKey))?.timestampVersion).toBe(1);
  });

  it("and was taken away does not end with its old holder", async () => {
    const [entered, done] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const slow = withLock(path, async () => {
      entered.resolve();
      await done.promise;
    });
    await entered.promise;
    for (const name of readdirSync(path)) utimesSync(join(path, name), 0, 0);
    await withLock(path, async () => {
      done.resolve();
      await slow;
      expect(readdirSync(folder)).toEqual(["lock"]);
    });
    expect(readdirSync(folder)).toEqual([]);
  });
});
