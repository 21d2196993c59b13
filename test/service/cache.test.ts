import { beforeEach, describe, expect, it } from "vitest";
import { ReadCache } from "../../src/service/cache.ts";
import type { ServedFile } from "../../src/service/served.ts";

let elsewhere = 0;
let cache: ReadCache;
const file = (role: string, version: number, bytes = 10): ServedFile => ({
  role,
  version,
  bytes: Buffer.alloc(bytes),
  sha256: `${role} ${version}`,
  storedAt: 0,
  expires: undefined,
});
const versions = (...roles: string[]) => roles.map((role) => cache.current("a", role)?.version);

beforeEach(() => {
  elsewhere = 0;
  cache = new ReadCache(1_000_000, () => elsewhere);
});

describe("advance", () => {
  it("makes new files current and keeps the others of the revision before", () => {
    cache.advance("a", 1, [file("root", 1), file("targets", 1)]);
    cache.advance("a", 2, [file("targets", 2)]);
    expect(versions("root", "targets")).toEqual([1, 2]);
  });

  it("forgets what may have changed in a revision it did not see", () => {
    cache.advance("a", 1, [file("root", 1), file("targets", 1)]);
    cache.advance("a", 3, [file("targets", 3)]);
    expect(versions("root", "targets")).toEqual([undefined, 3]);
  });

  it("never goes back", () => {
    cache.advance("a", 2, [file("targets", 2)]);
    cache.advance("a", 1, [file("targets", 1)]);
    expect(versions("targets")).toEqual([2]);
  });
});

describe("load", () => {
  /** Loads targets 1 while `meanwhile` happens. */
  const loadWhile = async (meanwhile: () => void) =>
    await cache.load(
      "a",
      async () => {
        meanwhile();
        return file("targets", 1);
      },
      (loaded) => {
        cache.keepCurrent("a", 1, loaded);
        cache.keepImmutable("a\ntargets\n1", loaded);
      },
    );

  it("keeps what was loaded", async () => {
    await loadWhile(() => undefined);
    expect([...versions("targets"), cache.immutable("a\ntargets\n1")?.version]).toEqual([1, 1]);
  });

  it.each<[string, () => void]>([
    ["advanced", () => cache.advance("a", 2, [file("root", 2)])],
    ["was forgotten", () => cache.forget("a")],
    ["changed elsewhere", () => elsewhere++],
  ])("keeps nothing that was being loaded while the repository %s", async (_, meanwhile) => {
    const loaded = await loadWhile(meanwhile);
    expect(loaded?.version).toBe(1);
    expect([...versions("targets"), cache.immutable("a\ntargets\n1")]).toEqual([undefined, undefined]);
  });

  it("is not disturbed by another repository", async () => {
    await loadWhile(() => cache.advance("b", 1, [file("targets", 7)]));
    expect(versions("targets")).toEqual([1]);
  });
});

describe("forget", () => {
  it("takes the files of one repository, by whatever they were asked for, and no other's", () => {
    for (const name of ["a", "a/b"]) {
      cache.advance(name, 1, [file("targets", 1)]);
      cache.keepImmutable(`${name}\ntargets\n1`, file("targets", 1));
    }
    cache.forget("a");
    expect([...versions("targets"), cache.immutable("a\ntargets\n1")]).toEqual([undefined, undefined]);
    expect(cache.current("a/b", "targets")?.version).toBe(1);
    expect(cache.immutable("a/b\ntargets\n1")?.version).toBe(1);
  });
});

it("a change elsewhere empties everything", () => {
  cache.advance("a", 1, [file("targets", 1)]);
  cache.keepImmutable("a\ntargets\n1", file("targets", 1));
  elsewhere++;
  expect([...versions("targets"), cache.immutable("a\ntargets\n1")]).toEqual([undefined, undefined]);
});

it("keeps within its bytes: what was used least recently goes first", () => {
  const small = new ReadCache(20_000, () => 0);
  for (let i = 0; i < 20; i++) small.advance(`r${i}`, 1, [file("targets", 1, 1_000)]);
  const kept = Array.from({ length: 20 }, (_, i) => small.current(`r${i}`, "targets") !== undefined);
  expect(kept.slice(0, 10)).not.toContain(true);
  expect(kept.at(-1)).toBe(true);
});
