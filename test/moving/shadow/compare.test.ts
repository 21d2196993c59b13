/** Every pair of what two servers can have of a repository: what is found, and that the sentence says what was compared. */
import { describe, expect, it } from "vitest";
import type { Present } from "../../../src/moving/crawl.ts";
import { compareSides, type Side } from "../../../src/moving/shadow/compare.ts";

const places = { here: "HERE", there: "THERE" };
const bring = "vidimus import notary THERE acme/app";
const back = "vidimus export notary THERE acme/app";

/** A file is `VERSION` or `VERSION BYTES`; what has the same text has the same bytes. */
interface Has {
  /** Versions in order. */
  readonly roots?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  readonly expired?: readonly string[];
  /** Older files that it still has. */
  readonly past?: Readonly<Record<string, readonly string[]>>;
}

function fileOf(role: string, text: string) {
  return { role, sha256: `${role} ${text}`, signed: { version: Number(text.split(" ")[0]) } };
}

function has({ roots = ["1"], files = {}, expired = [], past = {} }: Has): Side {
  const all = { timestamp: "9", snapshot: "5", targets: "4", ...files };
  const collection = {
    roots: roots.map((each) => fileOf("root", each)),
    files: Object.entries(all).flatMap(([role, text]) => (text === "" ? [] : [fileOf(role, text)])),
    remarks: expired.map((role) => ({ code: "EXPIRED", role })),
  };
  const present = {
    repository: "acme/app",
    collection,
    firstRoot: collection.roots[0]?.signed.version,
  } as unknown as Present;
  return {
    present,
    older: async (role, version) =>
      (past[role] ?? []).map((each) => fileOf(role, each)).find(({ signed }) => signed.version === version)
        ?.sha256,
  };
}

const nothing: Side = { older: async () => undefined };
const bad = (code: string): Side => ({ ...nothing, fault: { code, sentence: "It is wrong." } });

async function found(here: Side, there: Side): Promise<readonly string[]> {
  const differences = await compareSides("acme/app", here, there, places);
  return differences.map(({ role = "-", code, sentence }) => `${role} ${code}: ${sentence}`);
}

describe("a repository as a whole", () => {
  it.each<[string, Side, Side, readonly string[]]>([
    ["is the same at both", has({}), has({}), []],
    ["is at neither", nothing, nothing, []],
    [
      "is missing here",
      nothing,
      has({}),
      [
        `- MISSING_HERE: THERE serves acme/app, HERE has none: ${bring}; or, if it was deleted here, have it deleted there.`,
      ],
    ],
    [
      "is missing there",
      has({}),
      nothing,
      [
        `- MISSING_THERE: HERE serves acme/app, THERE has none: if it was deleted there, delete it here; if it was made here, ${back}`,
      ],
    ],
    [
      "does not verify here",
      bad("THRESHOLD"),
      has({}),
      [
        "- UNUSABLE_HERE: What HERE serves of acme/app does not verify (THRESHOLD: It is wrong): stop that server and let vidimus fsck look at it.",
      ],
    ],
    [
      "does not verify there, whatever is here",
      nothing,
      bad("NOT_JSON"),
      [
        "- UNUSABLE_THERE: What THERE serves of acme/app does not verify (NOT_JSON: It is wrong): nobody can take it over before its owner has mended it there.",
      ],
    ],
    [
      "verifies at neither",
      bad("A"),
      bad("B"),
      [
        expect.stringContaining("- UNUSABLE_HERE: What HERE serves of acme/app does not verify (A: "),
        expect.stringContaining("- UNUSABLE_THERE: What THERE serves of acme/app does not verify (B: "),
      ],
    ],
  ])("%s", async (_name, here, there, expected) => {
    expect(await found(here, there)).toEqual(expected);
  });
});

describe("a role", () => {
  const role = "targets/releases";
  const of = (version: string, more: Has = {}) => has({ ...more, files: { [role]: version, ...more.files } });

  it.each<[string, Side, Side, readonly string[]]>([
    [
      "that is newer there says both versions",
      of("6"),
      of("7", { past: { [role]: ["6"] } }),
      [`${role} OLDER_HERE: HERE is at ${role} 6 of acme/app, THERE at 7: ${bring}`],
    ],
    [
      "that is newer here does not say who made it so",
      of("7", { past: { [role]: ["6"] } }),
      of("6"),
      [
        `${role} OLDER_THERE: HERE is at ${role} 7 of acme/app, THERE at 6: if readers still ask THERE, ${back}`,
      ],
    ],
    [
      "of which the newer side has not the older one says that nobody knows",
      of("6"),
      of("7"),
      [
        `${role} OLDER_HERE: HERE is at ${role} 6 of acme/app, THERE at 7, and the newer side has the older one no more to compare it with: ${bring}`,
      ],
    ],
    [
      "that has expired here and is newer there",
      of("6", { expired: [role] }),
      of("7", { past: { [role]: ["6"] } }),
      [
        `${role} EXPIRED_HERE: HERE is at ${role} 6 of acme/app, THERE at 7; clients refuse the one of HERE, which has expired: ${bring}`,
      ],
    ],
    [
      "that has expired there and is newer here",
      of("7", { past: { [role]: ["6"] } }),
      of("6", { expired: [role] }),
      [
        `${role} EXPIRED_THERE: HERE is at ${role} 7 of acme/app, THERE at 6; clients refuse the one of THERE, which has expired: ${back}`,
      ],
    ],
    [
      "that has expired at both is older all the same",
      of("6", { expired: [role] }),
      of("7", { expired: [role], past: { [role]: ["6"] } }),
      [expect.stringContaining(`${role} OLDER_HERE`)],
    ],
    [
      "of one version with other bytes",
      of("7"),
      of("7 other"),
      [
        `${role} DIFFERENT: Both servers have ${role} 7 of acme/app, with different bytes: let nobody publish before its owner says whose is right.`,
      ],
    ],
    [
      "of which the older version is another one here says which version that is, and where both are",
      of("7", { past: { [role]: ["6"] } }),
      of("6 other"),
      [
        `${role} DIFFERENT: Both servers have ${role} 6 of acme/app, with different bytes, HERE being at 7 and THERE at 6: let nobody publish before its owner says whose is right.`,
      ],
    ],
    [
      "of which the older version is another one there",
      of("6"),
      of("7", { past: { [role]: ["6 other"] } }),
      [
        expect.stringContaining(
          `${role} DIFFERENT: Both servers have ${role} 6 of acme/app, with different bytes, HERE being at 6 and THERE at 7:`,
        ),
      ],
    ],
    [
      "that is missing here under one snapshot",
      of(""),
      of("7"),
      [
        `${role} MISSING_HERE: THERE serves ${role} of acme/app, HERE has none, and both snapshots are of one version: ${bring}`,
      ],
    ],
    [
      "that is missing there under one snapshot",
      of("7"),
      of(""),
      [
        `${role} MISSING_THERE: HERE serves ${role} of acme/app, THERE has none, and both snapshots are of one version: bring it into its database (${back} --server-db).`,
      ],
    ],
    [
      "that is not yet here",
      of(""),
      of("7", { files: { snapshot: "6" } }),
      [
        `snapshot OLDER_HERE: HERE is at snapshot 5 of acme/app, THERE at 6: ${bring}`,
        `${role} MISSING_HERE: THERE serves ${role} of acme/app, HERE has none and an older snapshot: ${bring}`,
      ],
    ],
    [
      "that was removed there is not said to be deleted",
      of("7"),
      of("", { files: { snapshot: "6" } }),
      [
        `snapshot OLDER_HERE: HERE is at snapshot 5 of acme/app, THERE at 6: ${bring}`,
        `${role} MISSING_THERE: HERE serves ${role} of acme/app, THERE has none and a newer snapshot: if it was removed there, ${bring}`,
      ],
    ],
    [
      "that was removed here",
      of("", { files: { snapshot: "6" } }),
      of("7"),
      [
        expect.stringContaining("snapshot OLDER_THERE"),
        `${role} MISSING_HERE: THERE serves ${role} of acme/app, HERE has none and a newer snapshot: if it was removed here, ${back}`,
      ],
    ],
    [
      "that is not yet there",
      of("7", { files: { snapshot: "6" } }),
      of(""),
      [
        expect.stringContaining("snapshot OLDER_THERE"),
        `${role} MISSING_THERE: HERE serves ${role} of acme/app, THERE has none and an older snapshot: ${back}`,
      ],
    ],
  ])("%s", async (_name, here, there, expected) => {
    expect([...(await found(here, there))].sort()).toEqual([...expected].sort());
  });
});

describe("what servers make", () => {
  const of = (role: string, version: string, more: Has = {}) => has({ ...more, files: { [role]: version } });

  it.each([
    ["timestamp", "it was signed twice, so let one server sign alone."],
    [
      "snapshot",
      "if both hold its key, let one server sign alone; if its owner signs it, ask whose is right.",
    ],
  ])("a %s of one version with other bytes is one that both have", async (role, next) => {
    expect(await found(of(role, "7"), of(role, "7 other"))).toEqual([
      `${role} DIFFERENT: Both servers have ${role} 7 of acme/app, with different bytes: ${next}`,
    ]);
  });

  it("here at 7 and there at 6 is not called one version", async () => {
    const here = of("timestamp", "7", { past: { timestamp: ["6"] } });
    expect(await found(here, of("timestamp", "6 other"))).toEqual([
      "timestamp DIFFERENT: Both servers have timestamp 6 of acme/app, with different bytes, HERE being at 7 and THERE at 6: it was signed twice, so let one server sign alone.",
    ]);
  });

  it("and is older where the newer side keeps none of the past asks for no more", async () => {
    expect(await found(of("timestamp", "6"), of("timestamp", "7"))).toEqual([
      `timestamp OLDER_HERE: HERE is at timestamp 6 of acme/app, THERE at 7: ${bring}`,
    ]);
  });
});

describe("the chain of roots", () => {
  const chain = (...roots: readonly string[]) => has({ roots });

  it.each<[string, Side, Side, readonly string[]]>([
    [
      "that is longer there",
      chain("1", "2"),
      chain("1", "2", "3"),
      [`root OLDER_HERE: HERE is at root 2 of acme/app, THERE at 3: ${bring}`],
    ],
    [
      "that is longer here",
      chain("1", "2", "3"),
      chain("1", "2"),
      [`root OLDER_THERE: HERE is at root 3 of acme/app, THERE at 2: if readers still ask THERE, ${back}`],
    ],
    [
      "that begins there after the newest one here",
      chain("1", "2"),
      chain("3", "4"),
      [
        `root OLDER_HERE: HERE is at root 2 of acme/app, THERE at 4, and the newer side has the older one no more to compare it with: ${bring}`,
      ],
    ],
    [
      "that begins later here",
      chain("3"),
      chain("1", "2", "3"),
      [
        `root MISSING_HERE: HERE lacks root 2 of acme/app, which readers that trust an older root follow: ${bring}`,
      ],
    ],
    [
      "that begins later there",
      chain("1", "2"),
      chain("2"),
      [
        `root MISSING_THERE: THERE lacks root 1 of acme/app, which readers that trust an older root follow: bring it into its database (${back} --server-db).`,
      ],
    ],
    [
      "that is another one",
      chain("1", "2 mine"),
      chain("1", "2 theirs"),
      [
        "root DIFFERENT: Both servers have root 2 of acme/app, with different bytes: let nobody publish before its owner says whose is right.",
      ],
    ],
    [
      "that is another one below a common end",
      chain("1 mine", "2"),
      chain("1 theirs", "2"),
      [
        "root DIFFERENT: Both servers have root 1 of acme/app, with different bytes, HERE being at 2 and THERE at 2: let nobody publish before its owner says whose is right.",
      ],
    ],
    [
      "that forks where one has gone on",
      chain("1", "2 mine", "3"),
      chain("1", "2 theirs"),
      [
        "root DIFFERENT: Both servers have root 2 of acme/app, with different bytes, HERE being at 3 and THERE at 2: let nobody publish before its owner says whose is right.",
      ],
    ],
  ])("%s", async (_name, here, there, expected) => {
    expect(await found(here, there)).toEqual(expected);
  });

  it("of another history hides what is only older", async () => {
    const here = has({ roots: ["1 mine"], files: { targets: "3" } });
    const there = has({ roots: ["1 theirs"], files: { targets: "4" } });
    expect(await found(here, there)).toEqual([expect.stringContaining("root DIFFERENT")]);
  });
});
