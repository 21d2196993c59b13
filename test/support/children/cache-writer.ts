/**
 * Commits versions of one repository to a cache: `first`, and on by `step`, `count` of them. Prints each version when
 * it was committed, or the code of a refusal.
 */
import { writeSync } from "node:fs";
import { diskCache } from "../../../src/client/cache/cache.ts";
import { TrustError } from "../../../src/client/errors.ts";
import { cachedState, cacheKey, targetsBytes } from "../caching.ts";

const [directory = "", first = "1", step = "1", count = "1"] = process.argv.slice(2);
const cache = diskCache(directory);
for (let turn = 0; turn < Number(count); turn++) {
  const version = Number(first) + turn * Number(step);
  try {
    await cache.commit(cacheKey, cachedState(1, version), { base: undefined, files: targetsBytes(version) });
    writeSync(1, `${version}\n`);
  } catch (error) {
    writeSync(1, `${error instanceof TrustError ? error.code : String(error)}\n`);
  }
}
