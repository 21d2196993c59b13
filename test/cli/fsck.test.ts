/** `vidimus fsck` as it is called: what it says, and how it ends. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { runCli } from "../../src/cli/program.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { contextOf, Said, servesNothing } from "../support/command.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { full, placeCopy, type StoredCopy, storedStore } from "../support/stored.ts";

let copy: StoredCopy;
const said = new Said();
beforeAll(async () => {
  copy = await storedStore();
});
beforeEach(() => said.clear());

const fsck = (...argv: string[]) => runCli(["fsck", ...argv], contextOf(said), servesNothing);

function place(spoil: Parameters<typeof placeCopy>[1] = () => {}, secret = copy.secret): string {
  const directory = placeCopy(copy, spoil);
  const text = `vidimus-kek-v1:${Buffer.from(secret).toString("base64")}\n`;
  writeFileSync(join(directory, "kek"), text, { mode: 0o600 });
  return directory;
}

const shortened: Parameters<typeof placeCopy>[1] = (database) =>
  database.exec("DELETE FROM change WHERE id = 1");

it("a sound store ends with 0 and says what was verified", async () => {
  expect(await fsck("--data", place())).toBe(exitCodes.ok.code);
  expect(said.out).toBe("4 repositories, 32 files and 6 keys were verified: all is well.\n");
});

it("a damaged one ends with a code of its own, and names code, repository and file", async () => {
  expect(await fsck("--data", place(shortened))).toBe(exitCodes.damaged.code);
  expect(said.out).toContain("FEED_HOLE: ");
  expect(said.out).toContain(`FEED_WRONG ${full} timestamp 1: `);
  expect(said.out).toContain("2 damages.");
});

it("as JSON it is one document", async () => {
  expect(await fsck("--data", place(shortened), "--json")).toBe(exitCodes.damaged.code);
  expect(JSON.parse(said.out)).toMatchObject({
    repositories: 4,
    files: 32,
    keys: 6,
    notListed: 0,
    damages: [{ code: "FEED_WRONG", repository: full, role: "timestamp", version: 1 }, { code: "FEED_HOLE" }],
  });
});

it("runs beside a server that holds the store", async () => {
  const directory = place();
  const store = await openSqlite({ directory });
  expect(await fsck("--data", directory)).toBe(exitCodes.ok.code);
  await store.close();
});

it("a name that would command a terminal is printed as text", async () => {
  const directory = place((database) =>
    database.prepare("UPDATE repository SET name = ? WHERE name = ?").run("a\u001b[2Jb", full),
  );
  await fsck("--data", directory);
  expect(said.out).toContain("a\\u{1b}[2Jb");
  expect(said.out).not.toContain("\u001b");
});

it("without its secret a store is not verified, unless the keys are left closed", async () => {
  const directory = placeCopy(copy, () => {});
  expect(await fsck("--data", directory)).toBe(exitCodes.signer.code);
  expect(said.err).not.toBe("");
  expect(await fsck("--data", directory, "--no-keys")).toBe(exitCodes.ok.code);
});

it.each([
  ["a directory that is not there", ["--data", join(temporaryDirectory(), "absent")]],
  ["a directory without a store", ["--data", temporaryDirectory()]],
  ["a store in memory", ["--store", "memory"]],
])("%s is refused", async (_, argv) => {
  expect(await fsck(...argv)).toBe(exitCodes.store.code);
  expect(said.out).toBe("");
});
