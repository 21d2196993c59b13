/** Several processes at one cache, some of which are killed. VIDIMUS_KILLS=60 for the long run. */

import { readdirSync, utimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { diskCache } from "../../../src/client/cache/cache.ts";
import { sha256Hex } from "../../../src/core/bytes.ts";
import { cachedState, cacheKey, targetsBytes, targetsFile } from "../../support/caching.ts";
import { startChild } from "../../support/child.ts";
import { temporaryDirectory } from "../../support/directory.ts";

const kills = Number(process.env.VIDIMUS_KILLS ?? 10);

describe("two processes", () => {
  it("that commit versions in turns, backwards too, leave the newest", async () => {
    const directory = temporaryDirectory();
    const count = 60;
    const children = [
      startChild("cache-writer.ts", [directory, "1", "2", String(count)]),
      startChild("cache-writer.ts", [directory, String(2 * count), "-2", String(count)]),
    ];
    expect(await Promise.all(children.map(({ ended }) => ended))).toEqual([0, 0]);
    for (const child of children) expect(child.output()).toMatch(/^(?:[0-9]+\n){60}$/);
    const cache = diskCache(directory);
    expect(await cache.load(cacheKey)).toEqual(cachedState(1, 2 * count));
    const sha256 = sha256Hex(targetsFile(2 * count));
    expect(await cache.targets(cacheKey, sha256)).toEqual(targetsFile(2 * count));
    expect(readdirSync(dirname(cache.fileOf(cacheKey))).sort()).toEqual(
      [`${sha256}.json`, "state.json"].sort(),
    );
  });
});

describe("kill -9", () => {
  it(
    `of a writer, ${kills} times, leaves a state that is whole and no older than what was acknowledged`,
    async () => {
      const directory = temporaryDirectory();
      const cache = diskCache(directory);
      let acknowledged = 0;
      for (let kill = 0; kill < kills; kill++) {
        const child = startChild("cache-writer.ts", [directory, String(acknowledged + 1), "1", "100000"]);
        await child.line("\n");
        await wait(Math.random() * 40);
        await child.kill();
        const lines = child.output().split("\n").slice(0, -1);
        acknowledged = Number(lines.at(-1));
        const state = await cache.load(cacheKey);
        const version = state?.timestampVersion ?? 0;
        expect([acknowledged, acknowledged + 1]).toContain(version);
        expect(state).toEqual(cachedState(1, version));
        expect(await cache.targets(cacheKey, sha256Hex(targetsFile(version)))).toEqual(targetsFile(version));
        // Whoever died may have held the lock: it is forced as its age would.
        acknowledged = version;
        unlock(dirname(cache.fileOf(cacheKey)));
        await cache.commit(cacheKey, cachedState(1, version), {
          base: undefined,
          files: targetsBytes(version),
        });
      }
    },
    10_000 + kills * 3_000,
  );
});

/** Makes a lock that a dead process left as old as it would have to be. */
function unlock(folder: string): void {
  if (!readdirSync(folder).includes("lock")) return;
  for (const name of readdirSync(join(folder, "lock"))) utimesSync(join(folder, "lock", name), 0, 0);
}
