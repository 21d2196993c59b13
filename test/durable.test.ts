import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeDirectory, sync } from "../src/durable.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "vidimus-durable-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const codeOf = (task: () => unknown): unknown => {
  try {
    return task();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
};

describe("a directory", () => {
  it("is made with all above it, closed to others, and the uppermost is told", () => {
    expect(makeDirectory(join(directory, "a", "b", "c"))).toBe(join(directory, "a"));
    for (const each of ["a", "a/b", "a/b/c"])
      expect(statSync(join(directory, each)).mode & 0o777).toBe(0o700);
  });

  it("that is there stays as it is", () => {
    mkdirSync(join(directory, "there"));
    chmodSync(join(directory, "there"), 0o750);
    expect(makeDirectory(join(directory, "there"))).toBeUndefined();
    expect(statSync(join(directory, "there")).mode & 0o777).toBe(0o750);
  });

  it.each(["", "below"])("is not made in the place of a file or below it: ENOTDIR", (below) => {
    writeFileSync(join(directory, "file"), "");
    expect(codeOf(() => makeDirectory(join(directory, "file", below)))).toBe("ENOTDIR");
  });

  it.runIf(existsSync("/proc/self"))("is not tried for ever where none can be made: ENOENT", () => {
    expect(codeOf(() => makeDirectory("/proc/vidimus/data"))).toBe("ENOENT");
  });
});

it("what is not there cannot be synced: ENOENT", () => {
  expect(codeOf(() => sync(join(directory, "nothing")))).toBe("ENOENT");
  expect(codeOf(() => sync(directory))).toBeUndefined();
});
