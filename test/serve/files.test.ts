/** Files that are made whole or not at all. What a power cut leaves of them: test/faults/power.test.ts. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { writeFolder } from "../../src/serve/files.ts";
import { temporaryDirectory } from "../support/directory.ts";

const files = [
  { name: "a", content: "one", mode: 0o600 },
  { name: "b", content: "two", mode: 0o644 },
];

it("makes a folder with all its files and their modes", () => {
  const directory = temporaryDirectory();
  writeFolder(join(directory, "folder"), files);
  expect(readdirSync(directory)).toEqual(["folder"]);
  expect(files.map(({ name }) => readFileSync(join(directory, "folder", name), "utf8"))).toEqual([
    "one",
    "two",
  ]);
  expect(files.map(({ name }) => statSync(join(directory, "folder", name)).mode & 0o777)).toEqual([
    0o600, 0o644,
  ]);
});

it("leaves a folder alone that has something in it, and no draft", () => {
  const directory = temporaryDirectory();
  mkdirSync(join(directory, "folder"));
  writeFileSync(join(directory, "folder", "mine"), "");
  expect(() => writeFolder(join(directory, "folder"), files)).toThrow(/ENOTEMPTY|EEXIST/);
  expect(readdirSync(directory)).toEqual(["folder"]);
  expect(readdirSync(join(directory, "folder"))).toEqual(["mine"]);
});
