/** The checker itself: histories that lie, one for each thing that it is there to say. */
import { expect, test } from "vitest";
import { check } from "./support/checker.ts";
import type { FeedRow, FileFact, Happening, Outcome, TrailEntry } from "./support/history.ts";
import type { ViolationCode } from "./support/violation.ts";

const repository = "example.org/a";

/** A file by role and version; `other` makes other bytes. */
function facts(files: Readonly<Record<string, number>>, other = ""): Map<string, FileFact> {
  return new Map(
    Object.entries(files).map(([role, version]) => [role, { version, sha256: `${role}-${version}${other}` }]),
  );
}

function publish(
  at: number,
  files: Map<string, FileFact>,
  outcome: Outcome = "acknowledged",
  life = 1,
): Happening {
  return { kind: "publish", repository, life, files, outcome, began: at, ended: at + 1 };
}

function remove(at: number, outcome: Outcome = "acknowledged", life = 1): Happening {
  return { kind: "remove", repository, life, outcome, began: at, ended: at + 1 };
}

function view(at: number, files: Map<string, FileFact>, firstRoot = "root-1"): Happening {
  const first = files.size === 0 ? undefined : firstRoot;
  return { kind: "view", repository, files, firstRoot: first, began: at, ended: at + 1 };
}

function feed(at: number, rows: readonly Partial<FeedRow>[]): Happening {
  const full = rows.map((row, i) => ({
    id: i + 1,
    repository,
    version: i + 1,
    sha256: `timestamp-${row.version ?? i + 1}`,
    category: "update" as const,
    ...row,
  }));
  return { kind: "feed", rows: full, began: at, ended: at + 1 };
}

/** A whole trail; each entry has the hash that it makes unless it says otherwise. */
function trail(at: number, entries: readonly Partial<TrailEntry>[]): Happening {
  const full = entries.map((entry, i) => ({
    number: i + 1,
    kind: "repository.published",
    repository,
    hash: `hash-${i + 1}`,
    made: `hash-${i + 1}`,
    files: undefined,
    keyId: undefined,
    ...entry,
  }));
  return { kind: "trail", after: 0, entries: full, began: at, ended: at + 1 };
}

/** The record of a publication, with what the server made beside it. */
const tells = (files: Readonly<Record<string, number>>): Partial<TrailEntry> => ({
  files: new Map(Object.entries({ snapshot: 9, timestamp: 9, ...files })),
});

const key = (at: number, keyId: string | undefined, outcome: Outcome = "acknowledged"): Happening => ({
  ...{ kind: "key", repository, keyId, outcome },
  ...{ began: at, ended: at + 1 },
});

const recall = (at: number, sha256: string | undefined): Happening => ({
  kind: "recall",
  repository,
  life: 1,
  role: "targets",
  version: 1,
  sha256,
  began: at,
  ended: at + 1,
});

const first = facts({ root: 1, targets: 1 });
const second = facts({ root: 1, targets: 2 });
const begun = publish(10, first);
const shown = (versions: Readonly<Record<string, number>>) => facts({ root: 1, targets: 1, ...versions });

function codes(...history: Happening[]): ViolationCode[] {
  return [...new Set(check(history).map(({ code }) => code))];
}

test("an honest history passes, lives and doubts included", () => {
  const rebirth = facts({ root: 1, targets: 1 }, "-new");
  const history = [
    view(1, new Map()),
    begun,
    view(20, shown({ timestamp: 1 })),
    publish(30, facts({ targets: 2 }), "unknown"),
    view(40, facts({ root: 1, targets: 2, timestamp: 2 })),
    feed(50, [{}, {}]),
    remove(60, "unknown"),
    view(70, new Map()),
    publish(80, rebirth, "acknowledged", 2),
    view(90, new Map([...rebirth, ...facts({ timestamp: 3 })]), "root-1-new"),
    feed(100, [{}, {}, { version: 0, sha256: "", category: "deletion" }, { version: 3 }]),
  ];
  expect(check(history)).toEqual([]);
});

test("a read that overlaps a change may show either side", () => {
  const late = { ...publish(30, facts({ targets: 2 })), ended: 60 };
  expect(codes(begun, late, view(40, second), view(50, second))).toEqual([]);
  expect(codes(begun, late, view(40, first))).toEqual([]);
});

test("LOST: a version that was acknowledged is not shown", () => {
  expect(codes(begun, publish(20, facts({ targets: 2 })), view(30, first))).toEqual(["LOST"]);
});

test("LOST: a repository that was acknowledged is not there, and nobody removed it", () => {
  expect(codes(begun, view(30, new Map()))).toEqual(["LOST"]);
  expect(codes(begun, remove(20, "refused"), view(30, new Map()))).toEqual(["LOST"]);
});

test("LOST: a removal that was acknowledged is undone", () => {
  expect(codes(begun, remove(20), view(30, first))).toEqual(["LOST"]);
});

test("LOST: an acknowledged version is gone from under its number", () => {
  expect(codes(begun, recall(30, undefined))).toEqual(["LOST"]);
  expect(codes(begun, remove(20, "unknown"), recall(30, undefined))).toEqual([]);
});

test("WENT_BACK: a read shows less than one that ended before it began", () => {
  const doubtful = publish(20, facts({ targets: 2 }), "unknown");
  expect(codes(begun, doubtful, view(30, second), view(40, first))).toEqual(["WENT_BACK"]);
  expect(codes(begun, view(30, shown({ timestamp: 2 })), view(40, shown({ timestamp: 1 })))).toContain(
    "WENT_BACK",
  );
});

test("WENT_BACK: a removal is seen and then undone", () => {
  const history = [
    publish(10, first, "unknown"),
    view(15, first),
    remove(20, "unknown"),
    view(30, new Map()),
  ];
  expect(codes(...history)).toEqual([]);
  expect(codes(...history, view(40, first))).toEqual(["WENT_BACK"]);
});

test("TWO_STRINGS: one version has two byte strings", () => {
  const other = publish(20, facts({ targets: 2 }, "-other"), "unknown");
  const doubtful = publish(22, facts({ targets: 2 }), "unknown");
  const otherView = view(40, new Map([...first, ...facts({ targets: 2 }, "-other")]));
  expect(codes(begun, other, doubtful, view(30, second), otherView)).toEqual(["TWO_STRINGS"]);
});

test("TWO_STRINGS: a timestamp's version is used again in the next life of the name", () => {
  const rebirth = facts({ root: 1, targets: 1 }, "-new");
  const again = view(50, new Map([...rebirth, ...facts({ timestamp: 1 }, "-new")]), "root-1-new");
  const history = [begun, view(20, shown({ timestamp: 1 })), remove(30), publish(40, rebirth, "unknown", 2)];
  expect(codes(...history, again)).toEqual(["TWO_STRINGS"]);
});

test("TWO_STRINGS: the changefeed names other bytes than are served", () => {
  const history = [begun, view(20, shown({ timestamp: 1 })), feed(30, [{ sha256: "other" }])];
  expect(codes(...history)).toContain("TWO_STRINGS");
});

test("TWO_STRINGS: a version that is asked for by its number has other bytes than were acknowledged", () => {
  expect(codes(begun, recall(30, "other"))).toContain("TWO_STRINGS");
});

test("INVENTED: bytes that nobody sent, or that were sent only later", () => {
  expect(codes(begun, view(30, second))).toEqual(["INVENTED"]);
  expect(codes(begun, view(30, second), publish(40, facts({ targets: 2 })))).toContain("INVENTED");
});

test("REFUSED_SERVED: bytes of which it was said that nothing happened", () => {
  expect(codes(begun, publish(20, facts({ targets: 2 }), "refused"), view(30, second))).toEqual([
    "REFUSED_SERVED",
  ]);
});

test("TORN: a publication is seen in part", () => {
  const both = facts({ targets: 2, "targets/releases": 1 });
  expect(codes(begun, publish(20, both, "unknown"), view(30, second))).toEqual(["TORN"]);
});

test("CHAIN: what is served does not verify, whatever goes on meanwhile", () => {
  const flaw = { kind: "unverified", sentence: "a signature is wrong" } as const;
  expect(codes(begun, remove(29, "unknown"), { ...view(30, first), flaw } as Happening)).toEqual(["CHAIN"]);
});

test("CHAIN: a file is named and not served, unless somebody removes the repository meanwhile", () => {
  const flawed = { ...view(30, first), flaw: { kind: "missing", sentence: "targets" } } as Happening;
  expect(codes(begun, flawed)).toEqual(["CHAIN"]);
  expect(codes(begun, { ...remove(25, "unknown"), ended: 40 } as Happening, flawed)).toEqual([]);
});

test("FEED_HOLE: a version is missing, repeated, or out of order", () => {
  expect(codes(begun, feed(30, [{}, { version: 3 }]))).toEqual(["FEED_HOLE"]);
  expect(codes(begun, feed(30, [{}, { version: 1 }]))).toEqual(["FEED_HOLE"]);
  expect(codes(begun, feed(30, [{ id: 2 }, { id: 1 }]))).toEqual(["FEED_HOLE"]);
});

test("FEED_HOLE: an acknowledged change is missing", () => {
  expect(codes(begun, feed(30, []))).toEqual(["FEED_HOLE"]);
  expect(codes(begun, remove(20), feed(30, [{}]))).toEqual(["FEED_HOLE"]);
});

test("FEED_HOLE: a deletion that nobody asked for", () => {
  const deletion = { version: 0, sha256: "", category: "deletion" } as const;
  expect(codes(begun, remove(20, "refused"), feed(30, [{}, deletion]))).toEqual(["FEED_HOLE"]);
});

test("FEED_HOLE: what was read of the past has changed", () => {
  expect(codes(begun, feed(30, [{}, {}]), feed(40, [{}]))).toEqual(["FEED_HOLE"]);
});

test("FEED_HOLE: a timestamp was served that is not listed", () => {
  expect(codes(begun, view(20, shown({ timestamp: 2 })), feed(30, [{}]))).toEqual(["FEED_HOLE"]);
});

const firstTold = tells({ root: 1, targets: 1 });
const removedTold = { kind: "repository.removed" };

test("a trail that tells of everything once passes, doubts and renewals included", () => {
  const made = { kind: "key.created", keyId: "k1" };
  const history = [
    key(5, "k1"),
    key(6, "k1"),
    key(7, undefined, "unknown"),
    begun,
    publish(20, facts({ targets: 2 }), "unknown"),
    publish(30, facts({ targets: 3 }), "refused"),
    remove(40),
    feed(45, [{}, { version: 0, sha256: "", category: "deletion" }]),
  ];
  const renewed = { kind: "repository.renewed", files: undefined };
  for (const doubtful of [[], [tells({ targets: 2 })], [renewed]]) {
    expect(codes(...history, trail(50, [made, firstTold, ...doubtful, removedTold]))).toEqual([]);
  }
});

test("TRAIL_BROKEN: an entry is missing, or has not the hash that it makes", () => {
  expect(codes(begun, trail(30, [{ ...firstTold, number: 2 }]))).toEqual(["TRAIL_BROKEN"]);
  expect(codes(begun, trail(30, [{ ...firstTold, hash: "other" }]))).toEqual(["TRAIL_BROKEN"]);
});

test("TRAIL_BROKEN: what was read of the past has changed, or was cut off", () => {
  const noise = { kind: "user.added" };
  const other = { ...noise, hash: "other", made: "other" };
  expect(codes(begun, trail(30, [firstTold, noise]), trail(40, [firstTold, other]))).toEqual([
    "TRAIL_BROKEN",
  ]);
  expect(codes(begun, trail(30, [firstTold, noise]), trail(40, [firstTold]))).toEqual(["TRAIL_BROKEN"]);
  expect(codes(begun, trail(30, [firstTold]), trail(40, [firstTold, noise]))).toEqual([]);
});

test("UNTOLD: an acknowledged publication, removal or key has no record", () => {
  expect(codes(begun, trail(30, []))).toEqual(["UNTOLD"]);
  expect(codes(begun, trail(30, [tells({ root: 1, targets: 2 })]))).toEqual(["UNTOLD", "TOLD_FALSELY"]);
  expect(codes(begun, remove(20), trail(30, [firstTold]))).toEqual(["UNTOLD"]);
  expect(codes(key(5, "k1"), trail(30, []))).toEqual(["UNTOLD"]);
});

test("UNTOLD: the changefeed has a renewal of which the trail does not tell", () => {
  expect(codes(begun, feed(20, [{}, {}]), trail(30, [firstTold]))).toEqual(["UNTOLD"]);
});

test("TOLD_FALSELY: two records of one change", () => {
  expect(codes(begun, trail(30, [firstTold, firstTold]))).toEqual(["TOLD_FALSELY"]);
  expect(codes(begun, remove(20), trail(30, [firstTold, removedTold, removedTold]))).toEqual([
    "TOLD_FALSELY",
  ]);
  const made = { kind: "key.created", keyId: "k1" };
  expect(codes(key(5, "k1"), key(6, "k1"), trail(30, [made, made]))).toEqual(["TOLD_FALSELY"]);
});

test("TOLD_FALSELY: a record of what was refused, or of what nobody asked for", () => {
  const refused = publish(20, facts({ targets: 2 }), "refused");
  expect(codes(begun, refused, trail(30, [firstTold, tells({ targets: 2 })]))).toEqual(["TOLD_FALSELY"]);
  expect(codes(begun, remove(20, "refused"), trail(30, [firstTold, removedTold]))).toEqual(["TOLD_FALSELY"]);
  const made = (keyId: string) => ({ kind: "key.created", keyId });
  expect(codes(key(5, "k1"), trail(30, [made("k1"), made("k2")]))).toEqual(["TOLD_FALSELY"]);
  const renewed = { kind: "repository.renewed" };
  expect(codes(begun, trail(20, [firstTold, renewed]), feed(30, [{}]))).toEqual(["TOLD_FALSELY"]);
});
