import { mkdirSync, symlinkSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { isNamed, nameInLock } from "../../../src/client/cli/lock-files.ts";
import { folderWith } from "../../support/folder.ts";

describe("the name of a file in a lock", () => {
  it.each([
    ["/p/a.yml", "/p/vidimus.lock", "a.yml"],
    ["/p/x/../sub/a.yml", "/p/vidimus.lock", "sub/a.yml"],
    ["/p/a.yml", "/p/locks/vidimus.lock", "../a.yml"],
    ["./sub/a.yml", "vidimus.lock", "sub/a.yml"],
    ["-", "/p/vidimus.lock", "-"],
    ["--helpers", "/p/vidimus.lock", "--helpers"],
  ])("%s beside %s is %s", (file, lock, name) => {
    expect(nameInLock(file, lock)).toBe(name);
  });
});

describe("a file that is checked", () => {
  const folder = folderWith({ "a.yml": "", "sub/a.yml": "", "sub/b.yml": "", Dockerfile: "" });
  const named = (file: string, names: readonly string[], lock = "vidimus.lock") =>
    isNamed(folder.at(file), names, folder.at(lock));

  it.each([
    ["is the one of that name", "a.yml", ["a.yml"]],
    ["is any of them", "sub/b.yml", ["a.yml", "sub/b.yml"]],
    ["is the text that was locked from it", "a.locked.yml", ["a.yml"]],
    ["is so in another folder", "sub/a.locked.yml", ["sub/a.yml"]],
    ["has no extension", "Dockerfile.locked", ["Dockerfile"]],
    ["may be what went through a filter", "sub/b.yml", ["-"]],
    ["may be one in the lock of somebody who was elsewhere", "sub/b.yml", ["b.yml"]],
    ["may be one that an absolute path names on another machine", "a.yml", ["/nowhere/build/a.yml"]],
  ])("%s", (_, file, names) => {
    expect(named(file, names)).toBe(true);
  });

  it.each([
    ["is another one", "sub/b.yml", ["a.yml"]],
    ["is called like one that is there, and lies elsewhere", "sub/a.yml", ["a.yml"]],
    ["is the locked text of such a one", "sub/a.locked.yml", ["a.yml"]],
    ["lies above the one that is named", "a.yml", ["sub/a.yml"]],
    ["is none that a file names", "a.yml", ["--helpers"]],
    ["is in no list", "a.yml", []],
  ])("is not named if it %s", (_, file, names) => {
    expect(named(file, names)).toBe(false);
  });

  it("is known from any folder, and by links", () => {
    expect(named("a.yml", ["../a.yml"], "locks/vidimus.lock")).toBe(true);
    expect(named("sub/a.yml", ["../a.yml"], "locks/vidimus.lock")).toBe(false);
    // The lock was moved, and nothing lies where it points.
    expect(isNamed(folder.at("sub/a.yml"), ["sub/a.yml"], "/nowhere/vidimus.lock")).toBe(true);
    mkdirSync(folder.at("links"));
    symlinkSync(folder.at("a.yml"), folder.at("links/c.yml"));
    expect(named("links/c.yml", ["a.yml"])).toBe(true);
    expect(isNamed("a.yml", [folder.at("a.yml")], resolve("vidimus.lock"))).toBe(false);
  });

  it("that is standard input may be any", () => {
    expect(isNamed("-", ["a.yml"], folder.at("vidimus.lock"))).toBe(true);
  });
});
