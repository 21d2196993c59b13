import { createHash } from "node:crypto";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Cache, diskCache } from "../../../src/client/cache/cache.ts";
import { sha256Hex } from "../../../src/core/bytes.ts";
import { cachedState, cacheKey, targetsBytes, targetsFile } from "../../support/caching.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { trustErrorOf } from "../../support/fetching.ts";

function emptyCache(): { cache: Cache; directory: string; folder: string } {
  const directory = temporaryDirectory();
  const cache = diskCache(directory);
  return { cache, directory, folder: dirname(cache.fileOf(cacheKey)) };
}

async function filled(version = 1) {
  const all = emptyCache();
  await all.cache.commit(cacheKey, cachedState(1, version), {
    base: undefined,
    files: targetsBytes(version),
  });
  return all;
}

const nameOf = (version: number, role?: string) => `${sha256Hex(targetsFile(version, role))}.json`;

describe("a cache", () => {
  it("that is empty has nothing", async () => {
    const { cache } = emptyCache();
    expect(await cache.load(cacheKey)).toBeUndefined();
    expect(await cache.targets(cacheKey, "0".repeat(64))).toBeUndefined();
  });

  it("gives back what was committed", async () => {
    const { cache } = emptyCache();
    const roles = ["targets", "targets/releases", "targets/releases/a"];
    const state = cachedState(3, 7, roles);
    await cache.commit(cacheKey, state, { base: undefined, files: targetsBytes(7, roles) });
    expect(await cache.load(cacheKey)).toEqual(state);
    for (const role of roles) {
      expect(await cache.targets(cacheKey, sha256Hex(targetsFile(7, role)))).toEqual(targetsFile(7, role));
    }
  });

  it("tells every state that was written from the others, without reading it", async () => {
    const { cache } = emptyCache();
    const stamps = [await cache.stamp(cacheKey)];
    for (const version of [1, 2, 3]) {
      await cache.commit(cacheKey, cachedState(1, version), {
        base: undefined,
        files: targetsBytes(version),
      });
      stamps.push(await cache.stamp(cacheKey));
    }
    expect(stamps[0]).toBeUndefined();
    expect(new Set(stamps).size).toBe(4);
    expect(await cache.stamp(cacheKey)).toBe(stamps[3]);
  });

  it("gives back a state without timestamp and snapshot", async () => {
    const { cache } = emptyCache();
    const state = {
      ...cachedState(1, 1, []),
      timestamp: undefined,
      snapshot: undefined,
      timestampVersion: 0,
    };
    await cache.commit(cacheKey, state, { base: undefined, files: new Map() });
    expect(await cache.load(cacheKey)).toEqual(state);
  });

  it("keeps repositories and servers apart", async () => {
    const { cache } = await filled();
    for (const other of [
      { ...cacheKey, repository: `${cacheKey.repository}/a` },
      { ...cacheKey, server: "https://other.example.test" },
    ]) {
      expect(await cache.load(other)).toBeUndefined();
    }
  });

  it("makes no file name of a name", async () => {
    const { cache, directory } = emptyCache();
    const key = { server: "https://../..", repository: "../../../../outside\u0000" };
    await cache.commit(key, cachedState(1, 1), { base: undefined, files: targetsBytes(1) });
    expect(await cache.load(key)).toBeDefined();
    expect(readdirSync(directory)).toEqual(["v1"]);
    expect(readdirSync(join(directory, "v1"))).toEqual([
      createHash("sha256").update(`${key.server}\n${key.repository}`).digest("hex"),
    ]);
  });

  it("lets nobody but its owner read", async () => {
    const { folder } = await filled();
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  });

  it("forgets a repository, floors included, and only that", async () => {
    const { cache } = await filled();
    const other = { ...cacheKey, repository: "docker.io/library/other" };
    await cache.commit(other, cachedState(1, 1), { base: undefined, files: targetsBytes(1) });
    await cache.forget(cacheKey);
    expect(await cache.load(cacheKey)).toBeUndefined();
    expect(await cache.load(other)).toBeDefined();
    await cache.commit(cacheKey, cachedState(1, 1), { base: undefined, files: targetsBytes(1) });
    expect((await cache.load(cacheKey))?.timestampVersion).toBe(1);
  });
});

describe("a state", () => {
  it.each([
    ["an older timestamp under the same root", 2, 4],
    ["an older root, whatever its timestamp", 1, 99],
  ])("is not replaced by one with %s", async (_, root, version) => {
    const { cache } = emptyCache();
    await cache.commit(cacheKey, cachedState(2, 5), { base: undefined, files: targetsBytes(5) });
    await cache.commit(cacheKey, cachedState(root, version), {
      base: undefined,
      files: targetsBytes(version),
    });
    expect(await cache.load(cacheKey)).toEqual(cachedState(2, 5));
    expect(await cache.targets(cacheKey, sha256Hex(targetsFile(5)))).toEqual(targetsFile(5));
  });

  it.each([
    ["the same versions", 2, 5],
    ["a newer timestamp", 2, 6],
    ["a newer root under which versions begin anew", 3, 1],
  ])("is replaced by one with %s", async (_, root, version) => {
    const { cache } = emptyCache();
    await cache.commit(cacheKey, cachedState(2, 5), { base: undefined, files: targetsBytes(5) });
    const next = { ...cachedState(root, version), checkedAt: 9 };
    await cache.commit(cacheKey, next, { base: undefined, files: targetsBytes(version) });
    expect(await cache.load(cacheKey)).toEqual(next);
  });

  it("takes along the files it names, and drops those it does not", async () => {
    const { cache, folder } = await filled(1);
    await cache.commit(cacheKey, cachedState(1, 2), { base: undefined, files: targetsBytes(2) });
    expect(readdirSync(folder).sort()).toEqual([nameOf(2), "state.json"].sort());
  });

  it("that the next reader could not read is not written: CACHE_UNUSABLE", async () => {
    const { cache } = await filled(1);
    const roots = Array.from({ length: 2_049 }, () => Buffer.from("{}"));
    const error = await trustErrorOf(
      cache.commit(cacheKey, { ...cachedState(2, 2), roots }, { base: undefined, files: new Map() }),
    );
    expect(error.code).toBe("CACHE_UNUSABLE");
    expect((await cache.load(cacheKey))?.timestampVersion).toBe(1);
  });
});

describe("a file of targets", () => {
  it("that is missing is only asked for again", async () => {
    const { cache, folder } = await filled(1);
    rmSync(join(folder, nameOf(1)));
    expect(await cache.targets(cacheKey, sha256Hex(targetsFile(1)))).toBeUndefined();
    expect(await cache.load(cacheKey)).toEqual(cachedState(1, 1));
  });

  it("that is damaged is only asked for again, and made whole by the next commit", async () => {
    const { cache, folder } = await filled(1);
    const path = join(folder, nameOf(1));
    const whole = readFileSync(path);
    for (const bytes of [
      whole.subarray(1),
      Buffer.concat([whole, whole]),
      Buffer.alloc(whole.length),
      Buffer.alloc(0),
    ]) {
      writeFileSync(path, bytes);
      expect(await cache.targets(cacheKey, sha256Hex(targetsFile(1)))).toBeUndefined();
    }
    await cache.commit(cacheKey, cachedState(1, 1), { base: undefined, files: targetsBytes(1) });
    expect(await cache.targets(cacheKey, sha256Hex(targetsFile(1)))).toEqual(targetsFile(1));
  });

  it("stays where the state still names it, without being given again", async () => {
    const { cache } = await filled(1);
    await cache.commit(
      cacheKey,
      { ...cachedState(1, 2), targets: cachedState(1, 1).targets },
      { base: undefined, files: new Map() },
    );
    expect(await cache.targets(cacheKey, sha256Hex(targetsFile(1)))).toEqual(targetsFile(1));
  });
});

describe("after a crash", () => {
  it("between a file and the state, the old state stands with its files", async () => {
    const { cache, folder } = await filled(1);
    writeFileSync(join(folder, nameOf(2)), targetsFile(2));
    expect(await cache.load(cacheKey)).toEqual(cachedState(1, 1));
    expect(await cache.targets(cacheKey, sha256Hex(targetsFile(1)))).toEqual(targetsFile(1));
  });

  it("what was half written is swept by the next commit, and nothing else is", async () => {
    const { cache, folder } = await filled(1);
    writeFileSync(join(folder, ".0123456789abcdef.tmp"), '{"format"');
    writeFileSync(join(folder, nameOf(9)), "half");
    writeFileSync(join(folder, "notes.txt"), "somebody's");
    mkdirSync(join(folder, "lock.0123456789abcdef"));
    utimesSync(join(folder, "lock.0123456789abcdef"), 0, 0);
    await cache.commit(cacheKey, cachedState(1, 2), { base: undefined, files: targetsBytes(2) });
    expect(readdirSync(folder).sort()).toEqual([nameOf(2), "notes.txt", "state.json"].sort());
  });

  it("the lock of the process that died is taken over", async () => {
    const { cache, folder } = await filled(1);
    mkdirSync(join(folder, "lock"));
    writeFileSync(join(folder, "lock", "0123456789abcdef"), "");
    utimesSync(join(folder, "lock", "0123456789abcdef"), 0, 0);
    await cache.commit(cacheKey, cachedState(1, 2), { base: undefined, files: targetsBytes(2) });
    expect((await cache.load(cacheKey))?.timestampVersion).toBe(2);
    expect(readdirSync(folder)).not.toContain("lock");
  });
});

describe("a directory that cannot be used: CACHE_UNUSABLE", () => {
  it.each<[string, (directory: string) => string]>([
    [
      "a file in its place",
      (directory) => {
        writeFileSync(join(directory, "cache"), "");
        return join(directory, "cache");
      },
    ],
    [
      "a file in the way to it",
      (directory) => {
        writeFileSync(join(directory, "cache"), "");
        return join(directory, "cache", "below");
      },
    ],
    [
      "a link to itself",
      (directory) => {
        symlinkSync(join(directory, "cache"), join(directory, "cache"));
        return join(directory, "cache");
      },
    ],
  ])("%s", async (_, place) => {
    const directory = place(temporaryDirectory());
    const cache = diskCache(directory);
    const commit = cache.commit(cacheKey, cachedState(1, 1), { base: undefined, files: targetsBytes(1) });
    expect(await trustErrorOf(commit)).toMatchObject({ code: "CACHE_UNUSABLE", file: directory });
    expect(await trustErrorOf(cache.load(cacheKey))).toMatchObject({
      code: "CACHE_UNUSABLE",
      file: directory,
    });
    expect(await trustErrorOf(cache.targets(cacheKey, "0".repeat(64)))).toMatchObject({
      code: "CACHE_UNUSABLE",
    });
  });

  it("a folder in the place of the state", async () => {
    const { cache } = emptyCache();
    mkdirSync(cache.fileOf(cacheKey), { recursive: true });
    expect((await trustErrorOf(cache.load(cacheKey))).code).toBe("CACHE_UNUSABLE");
  });
});

describe("a damaged state", () => {
  it("is not passed over by a commit either: CACHE_DAMAGED", async () => {
    const { cache } = await filled(1);
    writeFileSync(cache.fileOf(cacheKey), "{}\n");
    const commit = cache.commit(cacheKey, cachedState(1, 2), { base: undefined, files: targetsBytes(2) });
    expect(await trustErrorOf(commit)).toMatchObject({
      code: "CACHE_DAMAGED",
      file: cache.fileOf(cacheKey),
      line: 1,
    });
    expect(readFileSync(cache.fileOf(cacheKey), "utf8")).toBe("{}\n");
  });

  it("that is too large, or no text: CACHE_DAMAGED", async () => {
    const { cache } = await filled(1);
    writeFileSync(cache.fileOf(cacheKey), Buffer.from([0x7b, 0xff, 0x7d]));
    expect((await trustErrorOf(cache.load(cacheKey))).code).toBe("CACHE_DAMAGED");
    rmSync(cache.fileOf(cacheKey));
    symlinkSync("/dev/zero", cache.fileOf(cacheKey));
    expect((await trustErrorOf(cache.load(cacheKey))).code).toBe("CACHE_DAMAGED");
  });

  it("that belongs to another repository: CACHE_DAMAGED", async () => {
    const { cache } = await filled(1);
    const other = { ...cacheKey, repository: "docker.io/library/other" };
    mkdirSync(dirname(cache.fileOf(other)), { recursive: true });
    writeFileSync(cache.fileOf(other), readFileSync(cache.fileOf(cacheKey)));
    expect(await trustErrorOf(cache.load(other))).toMatchObject({ code: "CACHE_DAMAGED", line: 4 });
  });

  it("is forgotten with its repository", async () => {
    const { cache } = await filled(1);
    writeFileSync(cache.fileOf(cacheKey), "{");
    await cache.forget(cacheKey);
    expect(await cache.load(cacheKey)).toBeUndefined();
  });
});
