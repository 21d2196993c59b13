/** What `vidimus import keys` tells a person: for each repository what became of it, and what is next. */
import { describe, expect, it } from "vitest";
import { transferText } from "../../../src/cli/moving/import-keys.ts";
import type { Transferred } from "../../../src/moving/key-transfer.ts";

const id = "ab".repeat(32);
const one = (changes: Partial<Transferred>): Transferred => ({
  repository: "registry.test/app",
  outcome: "taken",
  keys: [{ role: "timestamp", id }],
  without: [],
  ...changes,
});
/** The words behind the name, without what pads them. */
const line = (changes: Partial<Transferred>, dryRun = false) =>
  (transferText([one(changes)], dryRun).split("\n")[1] ?? "").split(/ {2,}/).slice(1);

describe("a repository", () => {
  it.each<readonly [string, Partial<Transferred>, readonly string[]]>([
    ["whose keys came", {}, ["taken in", "timestamp abababababab", "nothing: versions go on"]],
    [
      "whose owner signs the snapshot",
      { without: ["snapshot"] },
      ["taken in", "timestamp abababababab", "nothing: its owner signs the snapshot"],
    ],
    [
      "that is not here",
      { outcome: "absent", keys: [] },
      ["not on this server", "take it over first: vidimus import notary"],
    ],
    [
      "of another signer",
      { outcome: "foreign", keys: [], without: ["timestamp"] },
      ["not the old signer's", "vidimus adopt registry.test/app"],
    ],
    ["that is served already", { outcome: "held", keys: [] }, ["held already", "nothing: versions go on"]],
  ])("%s is told its next step", (_, changes, words) => {
    expect(line(changes)).toEqual(words);
  });

  it("that failed points to why, which stands below the table", () => {
    const failed = { outcome: "failed", keys: [], without: ["timestamp"], fault: "It is damaged." } as const;
    const text = transferText([one({}), one(failed)], false).split("\n");
    expect(text[2]).toMatch(/ failed .* see below$/);
    expect(text.at(-1)).toBe("It is damaged.");
  });

  it("is not said to go on where nothing was brought yet", () => {
    expect(line({}, true)).toEqual([
      "would be taken in",
      "timestamp abababababab",
      "the same without --dry-run",
    ]);
  });

  it("with a name that a terminal would obey is shown, and obeys nothing", () => {
    expect(transferText([one({ repository: "a\u001b[2J" })], false)).not.toContain("\u001b");
  });
});
