import { beforeEach, describe, expect, it } from "vitest";
import { ReadCache } from "../../src/service/cache.ts";
import type { ServedFile } from "../../src/service/served.ts";
import type { Standing } from "../../src/store/contract/store.ts";

/** Where the names stand in the store, and how often somebody asked. */
let standings: Map<string, Standing>;
let elsewhere: number;
let asked: number;
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
const old = "a\ntargets\n1";

function stands(repository: string, revision: number, incarnation = 1, exists = true): void {
  standings.set(repository, { revision, incarnation, exists });
}

/** Somebody else commits. */
function elsewhereStands(...standing: Parameters<typeof stands>): void {
  stands(...standing);
  elsewhere++;
}

/** This process commits. */
function advance(repository: string, revision: number, files: readonly ServedFile[]): void {
  stands(repository, revision);
  cache.advance(repository, revision, files);
}

beforeEach(() => {
  standings = new Map();
  elsewhere = 0;
  asked = 0;
  cache = new ReadCache(1_000_000, {
    changesElsewhere: () => elsewhere,
    standing(repository) {
      asked++;
      return standings.get(repository) ?? { revision: 0, incarnation: 0, exists: false };
    },
  });
});

describe("what is certain", () => {
  it("is what is known, as long as the store is at its revision", () => {
    advance("a", 1, [file("root", 1)]);
    expect([...cache.certain("a").keys()]).toEqual(["root"]);
    expect([...cache.certain("b").keys()]).toEqual([]);
  });

  it("is nothing once the store has moved, whether this process heard of it or not", () => {
    advance("a", 1, [file("root", 1)]);
    expect(versions("root")).toEqual([1]);
    stands("a", 2, 1, false);
    expect(versions("root")).toEqual([1]);
    expect([...cache.certain("a").keys()]).toEqual([]);
  });
});

describe("advance", () => {
  it("makes new files current and keeps the others of the revision before", () => {
    advance("a", 1, [file("root", 1), file("targets", 1)]);
    advance("a", 2, [file("targets", 2)]);
    expect(versions("root", "targets")).toEqual([1, 2]);
  });

  it("forgets what may have changed in a revision it did not see", () => {
    advance("a", 1, [file("root", 1), file("targets", 1)]);
    advance("a", 3, [file("targets", 3)]);
    expect(versions("root", "targets")).toEqual([undefined, 3]);
  });

  it("never goes back", () => {
    advance("a", 2, [file("targets", 2)]);
    cache.advance("a", 1, [file("targets", 1)]);
    expect(versions("targets")).toEqual([2]);
  });
});

describe("a file by version that comes with its incarnation", () => {
  beforeEach(() => stands("a", 1));
  const keep = () => cache.keepImmutable("a", old, { incarnation: 1 }, file("targets", 1));

  it.each<[string, () => void]>([
    ["was advanced here", () => advance("a", 2, [file("root", 2)])],
    ["was advanced elsewhere", () => elsewhereStands("a", 2)],
  ])("is served from then on, although its repository %s before it was put in", (_, meanwhile) => {
    meanwhile();
    keep();
    expect(cache.immutable(old)?.version).toBe(1);
  });

  it.each<[string, () => void]>([
    ["was removed here", () => stands("a", 2, 1, false)],
    ["was removed elsewhere", () => elsewhereStands("a", 2, 1, false)],
    ["began its next life here", () => stands("a", 3, 2)],
    ["began its next life elsewhere", () => elsewhereStands("a", 3, 2)],
  ])("is never served from here if its repository %s before it was put in", (_, meanwhile) => {
    meanwhile();
    keep();
    expect([cache.immutable(old), cache.immutable(old)]).toEqual([undefined, undefined]);
  });

  it("is not taken for one of a repository that was forgotten while it was loaded", () => {
    cache.forget("a");
    stands("a", 2, 1, false);
    keep();
    expect(cache.immutable(old)).toBeUndefined();
  });
});

describe("a current file that comes with its revision", () => {
  beforeEach(() => stands("a", 1));

  it("is served from then on", () => {
    cache.keepCurrent("a", { revision: 1 }, file("targets", 1));
    expect(versions("targets")).toEqual([1]);
  });

  it.each<[string, () => void]>([
    ["was advanced", () => stands("a", 2)],
    ["was removed", () => stands("a", 2, 1, false)],
    ["began its next life", () => stands("a", 3, 2)],
  ])("is never served if its repository %s before it was put in", (_, meanwhile) => {
    meanwhile();
    cache.keepCurrent("a", { revision: 1 }, file("targets", 1));
    expect(versions("targets", "targets")).toEqual([undefined, undefined]);
  });

  it("is put beside no files of another revision", () => {
    cache.keepCurrent("a", { revision: 1 }, file("root", 1));
    stands("a", 2);
    cache.keepCurrent("a", { revision: 2 }, file("targets", 2));
    expect(versions("root", "targets")).toEqual([undefined, 2]);
    cache.keepCurrent("a", { revision: 1 }, file("root", 1));
    expect(versions("root", "targets")).toEqual([undefined, 2]);
  });

  it("takes no newer one's place", () => {
    advance("a", 2, [file("targets", 2)]);
    cache.keepCurrent("a", { revision: 1 }, file("targets", 1));
    expect(versions("targets")).toEqual([2]);
  });

  it("is not taken for one of a repository that is forgotten while it is loaded", () => {
    cache.forget("a");
    stands("a", 2, 1, false);
    cache.keepCurrent("a", { revision: 1 }, file("targets", 1));
    expect(versions("targets")).toEqual([undefined]);
  });
});

describe("forget", () => {
  it("takes the files of one repository, by whatever they were asked for, and no other's", () => {
    for (const name of ["a", "a/b"]) {
      advance(name, 1, [file("targets", 1)]);
      cache.keepImmutable(name, `${name}\ntargets\n1`, { incarnation: 1 }, file("targets", 1));
    }
    cache.forget("a");
    expect([...versions("targets"), cache.immutable(old)]).toEqual([undefined, undefined]);
    expect(cache.current("a/b", "targets")?.version).toBe(1);
    expect(cache.immutable("a/b\ntargets\n1")?.version).toBe(1);
  });
});

describe("a change elsewhere", () => {
  beforeEach(() => {
    advance("a", 1, [file("targets", 1)]);
    cache.keepImmutable("a", old, { incarnation: 1 }, file("targets", 1));
  });
  const kept = () => [...versions("targets"), cache.immutable(old)?.version];

  it("of another repository leaves the files where they are, for one look-up each", () => {
    kept();
    asked = 0;
    elsewhereStands("b", 1);
    for (let i = 0; i < 10; i++) expect(kept()).toEqual([1, 1]);
    expect(asked).toBe(2);
  });

  it("that nobody made costs no look-up", () => {
    kept();
    asked = 0;
    kept();
    expect(asked).toBe(0);
  });

  it("of the repository takes its current files, and not those by version and digest", () => {
    elsewhereStands("a", 2);
    expect(kept()).toEqual([undefined, 1]);
  });

  it("that this process made is none", () => {
    elsewhere++;
    advance("a", 2, [file("targets", 2)]);
    expect(kept()).toEqual([2, 1]);
  });

  it("that ends the incarnation takes everything", () => {
    elsewhereStands("a", 2, 1, false);
    expect(kept()).toEqual([undefined, undefined]);
  });

  it("that begins the next one takes everything, however late it is seen", () => {
    elsewhereStands("a", 2, 1, false);
    elsewhereStands("a", 3, 2);
    expect(kept()).toEqual([undefined, undefined]);
  });

  it("between the two halves of a look is seen by the next one", () => {
    let meanwhile: (() => void) | undefined;
    const racing = new ReadCache(1_000_000, {
      changesElsewhere: () => elsewhere,
      standing(repository) {
        const now = standings.get(repository) as Standing;
        meanwhile?.();
        meanwhile = undefined;
        return now;
      },
    });
    racing.advance("a", 1, [file("targets", 1)]);
    meanwhile = () => elsewhereStands("a", 2);
    // This read began before that change.
    expect(racing.current("a", "targets")?.version).toBe(1);
    expect(racing.current("a", "targets")).toBeUndefined();
  });
});

it("keeps within its bytes: what was used least recently goes first", () => {
  const small = new ReadCache(20_000, {
    changesElsewhere: () => 0,
    standing: () => ({ revision: 1, incarnation: 1, exists: true }),
  });
  for (let i = 0; i < 20; i++) small.advance(`r${i}`, 1, [file("targets", 1, 1_000)]);
  const kept = Array.from({ length: 20 }, (_, i) => small.current(`r${i}`, "targets") !== undefined);
  expect(kept.slice(0, 10)).not.toContain(true);
  expect(kept.at(-1)).toBe(true);
});
