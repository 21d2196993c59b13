import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeFolder } from "../../../src/client/files/make-folder.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "vidimus-folder-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("a folder", () => {
  it("is made with all above it, each closed to others", async () => {
    await makeFolder(join(folder, "a", "b", "c"), 0o700);
    for (const each of ["a", "a/b", "a/b/c"]) expect(statSync(join(folder, each)).mode & 0o777).toBe(0o700);
  });

  it("that is there already stays as it is, also behind a link", async () => {
    mkdirSync(join(folder, "there"), { mode: 0o750 });
    symlinkSync(join(folder, "there"), join(folder, "link"));
    await makeFolder(join(folder, "there"), 0o700);
    await makeFolder(join(folder, "link"), 0o700);
    await makeFolder(join(folder, "link", "below"), 0o700);
    expect(statSync(join(folder, "there")).mode & 0o777).toBe(0o750);
    expect(existsSync(join(folder, "there", "below"))).toBe(true);
  });

  it("is made once by many at the same time", async () => {
    for (let round = 0; round < 50; round++) {
      const all = Array.from({ length: 20 }, (_, i) => join(folder, `${round}`, "y", `${i % 5}`, "z"));
      await Promise.all(all.map((each) => makeFolder(each, 0o700)));
      for (const each of all) expect(existsSync(each)).toBe(true);
    }
  });

  it.each([
    ["", "EEXIST"],
    ["below", "ENOTDIR"],
  ])("is not made in the place of a file or below it", async (below, code) => {
    writeFileSync(join(folder, "file"), "");
    await expect(makeFolder(join(folder, "file", below), 0o700)).rejects.toMatchObject({ code });
  });

  it.runIf(existsSync("/proc/self"))("is not tried for ever where none can be made", async () => {
    await expect(makeFolder("/proc/vidimus/cache/v1", 0o700)).rejects.toMatchObject({ code: "ENOENT" });
  });
});
