import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type CachedState,
  encodeState,
  isNewer,
  isReadable,
  readState,
} from "../../../src/client/cache/state.ts";
import { TrustError } from "../../../src/client/errors.ts";
import { cachedState, cacheKey } from "../../support/caching.ts";
import { trustErrorOf } from "../../support/fetching.ts";
import { propertyTimeout, runs } from "../../support/properties.ts";

const state = cachedState(2, 7, ["targets", "targets/releases"]);
const text = encodeState(cacheKey, state);
const read = (damaged: string) => readState(damaged, "state.json", cacheKey);

/** The state, or the line of the damage. Any other end fails the test. */
function verdict(damaged: string): CachedState | number {
  try {
    return read(damaged);
  } catch (error) {
    if (!(error instanceof TrustError)) throw error;
    expect([error.code, error.file]).toEqual(["CACHE_DAMAGED", "state.json"]);
    expect(error.line).toBeGreaterThanOrEqual(1);
    expect(error.line).toBeLessThanOrEqual(damaged.split("\n").length);
    return error.line ?? 0;
  }
}

/** The state with other members, as text; under the digest of what it was. */
function changed(members: object): string {
  const { sha256, ...rest } = JSON.parse(text);
  return `${JSON.stringify({ ...rest, ...members, sha256 }, null, 1)}\n`;
}

const file = { role: "targets", sha256: "0".repeat(64), version: 1 };
const digestLine = (members: object) => changed(members).split("\n").length - 2;
const lineOf = (name: string) => text.split("\n").findIndex((line) => line.startsWith(` "${name}":`)) + 1;

it("a state is read as it was written", () => {
  expect(read(text)).toEqual(state);
});

it(
  "any state is read as it was written",
  () => {
    const version = fc.integer({ min: 1, max: 2 ** 31 - 1 });
    const bytes = fc.string({ unit: "grapheme", maxLength: 40 }).map((each) => Buffer.from(each, "utf8"));
    const role = fc.constantFrom("targets", "targets/a", "targets/a/b", "targets/c");
    const hex = fc.stringMatching(/^[0-9a-f]{64}$/);
    const any = fc.record({
      roots: fc.array(bytes, { minLength: 1, maxLength: 3 }),
      rootVersion: version,
      timestampVersion: version,
      timestamp: fc.option(bytes, { nil: undefined }),
      snapshot: fc.option(bytes, { nil: undefined }),
      targets: fc.array(fc.tuple(role, fc.record({ sha256: hex, version }))).map((each) => new Map(each)),
      checkedAt: fc.integer({ min: 0, max: 2 ** 45 }),
    });
    fc.assert(
      fc.property(any, (each) => {
        expect(read(encodeState(cacheKey, each))).toEqual(each);
      }),
      runs(300),
    );
  },
  propertyTimeout,
);

describe("which of two states is newer", () => {
  const of = (root: number, timestamp: number) => ({
    ...state,
    rootVersion: root,
    timestampVersion: timestamp,
  });
  it.each([
    [of(2, 5), of(2, 4), true],
    [of(2, 5), of(2, 5), false],
    [of(2, 5), of(2, 6), false],
    [of(3, 1), of(2, 9), true],
    [of(2, 9), of(3, 1), false],
    [of(2, 1), of(2, 0), true],
  ])("%#", (present, next, newer) => {
    expect(isNewer(present, next)).toBe(newer);
  });
});

it("a state with more roots or roles than are read back is known beforehand", () => {
  const roots = (count: number) => Array.from({ length: count }, () => Buffer.from("{}"));
  const targets = (count: number) =>
    new Map(
      Array.from({ length: count }, (_, index) => [
        `targets/${index}`,
        { sha256: "0".repeat(64), version: 1 },
      ]),
    );
  for (const each of [{ roots: roots(2_048) }, { targets: targets(65_536) }]) {
    expect(isReadable({ ...state, ...each })).toBe(true);
    expect(read(encodeState(cacheKey, { ...state, ...each }))).toEqual({ ...state, ...each });
  }
  for (const each of [{ roots: roots(2_049) }, { targets: targets(65_537) }]) {
    expect(isReadable({ ...state, ...each })).toBe(false);
    expect(typeof verdict(encodeState(cacheKey, { ...state, ...each }))).toBe("number");
  }
});

describe("a member that is damaged is found in its line", () => {
  it.each<[string, readonly unknown[]]>([
    ["format", [0, 2, "1", null]],
    ["server", ["https://other.example.test", "", null, 5]],
    ["repository", ["docker.io/library/other", null, []]],
    ["checkedAt", [-1, "5", null, true]],
    ["rootVersion", [-1, "2", null, {}]],
    ["timestampVersion", [-1, "7", null, []]],
    ["roots", [[], null, "text", {}, [5], [null], ["{}", 5]]],
    ["timestamp", [5, {}, [], true]],
    ["snapshot", [5, {}, [], true]],
    [
      "targets",
      [
        null,
        {},
        "text",
        [5],
        [{}],
        [{ ...file, role: "root" }],
        [{ ...file, role: "targets/A" }],
        [{ ...file, role: 5 }],
        [{ ...file, sha256: "0".repeat(63) }],
        [{ ...file, sha256: "A".repeat(64) }],
        [{ ...file, sha256: "../../../etc/passwd" }],
        [{ ...file, version: 0 }],
        [{ ...file, version: "1" }],
        [{ ...file, odd: 1 }],
        [file, file],
      ],
    ],
  ])("%s", (name, values) => {
    for (const value of values)
      expect(verdict(changed({ [name]: value })), JSON.stringify(value)).toBe(lineOf(name));
  });

  it("also if another would stand there as well: the digest at the end does not fit", () => {
    for (const members of [
      { rootVersion: 3 },
      { timestampVersion: 8 },
      { checkedAt: 0 },
      { timestamp: null },
      { targets: [file] },
    ])
      expect(verdict(changed(members)), JSON.stringify(members)).toBe(digestLine(members));
  });

  it("also one that nobody knows", () => {
    expect(verdict(changed({ odd: 1 }))).toBeTypeOf("number");
  });

  it.each(Object.keys(JSON.parse(text)))("also if %s is missing", (name) => {
    const { [name]: _, ...rest } = JSON.parse(text);
    expect(verdict(`${JSON.stringify(rest, null, 1)}\n`)).toBe(1);
  });
});

describe("a text that is damaged anywhere", () => {
  it("is found cut in any place", () => {
    for (let cut = 0; cut < 50; cut++) {
      expect(verdict(text.slice(0, Math.floor((cut * (text.length - 2)) / 50)))).toBeTypeOf("number");
    }
    for (let short = 1; short < 90; short++)
      expect(verdict(text.slice(0, -short)), `${short} short`).toBeTypeOf("number");
  });

  it("is found in the line where it is cut", () => {
    const lines = text.split("\n");
    for (let count = 1; count < lines.length - 2; count++) {
      expect(verdict(lines.slice(0, count).join("\n"))).toBe(count);
    }
  });

  it("with a byte turned, is found", () => {
    const bytes = Buffer.from(text, "utf8");
    for (let at = 0; at < bytes.length; at++) {
      for (const bit of [1, 2, 16, 32]) {
        const damaged = Buffer.from(bytes);
        damaged[at] = (bytes[at] ?? 0) ^ bit;
        expect(verdict(damaged.toString("utf8")), `${at}, ${bit}`).toBeTypeOf("number");
      }
    }
  });

  it("with a piece missing or twice, is found", () => {
    for (let at = 0; at < text.length; at += 3) {
      for (const length of [1, 7, 60]) {
        for (const damaged of [
          text.slice(0, at) + text.slice(at + length),
          text.slice(0, at + length) + text.slice(at),
        ])
          expect(verdict(damaged), `${at}, ${length}`).toBeTypeOf("number");
      }
    }
  });

  it("is no other error, whatever it is", async () => {
    for (const each of ["", "\u0000", "[".repeat(100_000), '{"a":'.repeat(100_000), "{}", "5", '"text"']) {
      expect((await trustErrorOf(() => read(each))).code).toBe("CACHE_DAMAGED");
    }
  });
});
