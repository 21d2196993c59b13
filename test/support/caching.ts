/** States of a cache, for tests: files that look like metadata and mean nothing. */

import type { CachedState, CacheKey } from "../../src/client/cache/state.ts";
import { sha256Hex } from "../../src/core/bytes.ts";

export const cacheKey: CacheKey = {
  server: "https://notary.example.test",
  repository: "docker.io/library/nginx",
};

export function targetsFile(version: number, role = "targets"): Buffer {
  return Buffer.from(`{"signed":{"role":"${role}","version":${version}}}`, "utf8");
}

/** The state of a repository at a version of root and timestamp, naming files of `targetsFile`. */
export function cachedState(
  rootVersion: number,
  version: number,
  roles: readonly string[] = ["targets"],
): CachedState {
  const file = (role: string, own: number) =>
    Buffer.from(`{"signed":{"role":"${role}","version":${own}}}`, "utf8");
  return {
    roots: Array.from({ length: rootVersion }, (_, index) => file("root", index + 1)),
    rootVersion,
    timestampVersion: version,
    timestamp: file("timestamp", version),
    snapshot: file("snapshot", version),
    targets: new Map(
      roles.map((role) => [role, { sha256: sha256Hex(targetsFile(version, role)), version }] as const),
    ),
    checkedAt: Date.UTC(2026, 10, 24) + version,
  };
}

export function targetsBytes(
  version: number,
  roles: readonly string[] = ["targets"],
): ReadonlyMap<string, Buffer> {
  return new Map(roles.map((role) => [role, targetsFile(version, role)]));
}
