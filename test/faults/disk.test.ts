/** The model of a disk: what it must keep, and what it may lose. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../support/directory.ts";
import { Chance } from "./support/chance.ts";
import { Disk, type Mercy } from "./support/disk.ts";
import type { TraceRecord } from "./support/trace.ts";

const chance = new Chance("disk");
const does = (kind: TraceRecord["kind"], path: string, text = "", offset = 0): TraceRecord => ({
  kind,
  path,
  offset,
  bytes: Buffer.from(text),
});

function after(mercy: Mercy, ...records: TraceRecord[]): (name: string) => string | undefined {
  const disk = new Disk("/data");
  for (const each of records) disk.apply(each);
  const directory = temporaryDirectory();
  disk.writeTo(directory, mercy, chance);
  return (name) =>
    existsSync(join(directory, name)) ? readFileSync(join(directory, name), "utf8") : undefined;
}

const made = [does("create", "/data/a"), does("write", "/data/a", "one")];

test("a file whose name was not synced is gone, its own sync or not", () => {
  expect(after("nothing", ...made, does("sync", "/data/a"))("a")).toBeUndefined();
});

test("a file whose content was not synced is empty", () => {
  expect(after("nothing", ...made, does("sync", "/data"))("a")).toBe("");
});

test("what was synced is there, and what came after is not", () => {
  const records = [
    ...made,
    does("sync", "/data/a"),
    does("sync", "/data"),
    does("write", "/data/a", "two", 3),
  ];
  expect(after("nothing", ...records)("a")).toBe("one");
  expect(after("everything", ...records)("a")).toBe("onetwo");
});

test("what was written before a sync that failed may be lost, although a later one succeeds", () => {
  const safe = [...made, does("sync", "/data/a"), does("sync", "/data")];
  const failed = [...safe, does("write", "/data/a", "two", 3), does("failed sync", "/data/a")];
  const records = [...failed, does("write", "/data/a", "O"), does("sync", "/data/a")];
  expect(after("nothing", ...records)("a")).toBe("One");
  expect(after("everything", ...records)("a")).toBe("Onetwo");
});

test("a truncation that was not synced may not have happened", () => {
  const records = [
    ...made,
    does("sync", "/data/a"),
    does("sync", "/data"),
    does("truncate", "/data/a", "", 1),
  ];
  expect(after("nothing", ...records)("a")).toBe("one");
  expect(after("everything", ...records)("a")).toBe("o");
});

test("a renaming that was not synced leaves the old file under its name", () => {
  const old = [does("create", "/data/b"), does("sync", "/data")];
  const records = [...old, ...made, does("sync", "/data/a"), does("rename", "/data/a", "/data/b")];
  expect(after("nothing", ...records)("b")).toBe("");
  expect(after("nothing", ...records, does("sync", "/data"))("b")).toBe("one");
});

test("a directory that was not synced above takes its files along", () => {
  const below = [does("directory", "/data/d"), does("create", "/data/d/a"), does("sync", "/data/d")];
  expect(after("nothing", ...below)("d/a")).toBeUndefined();
  expect(after("nothing", ...below, does("sync", "/data"))("d/a")).toBe("");
});

test("of what was not synced any choice may be kept", () => {
  const safe = [...made, does("sync", "/data/a"), does("sync", "/data")];
  const records = [...safe, does("write", "/data/a", "ONE", 0), does("write", "/data/a", "two", 3)];
  const seen = new Set(Array.from({ length: 60 }, () => after("some", ...records)("a")));
  expect(seen).toContain("one");
  expect(seen).toContain("ONEtwo");
  expect(seen).toContain("onetwo");
});
