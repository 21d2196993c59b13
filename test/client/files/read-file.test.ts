import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readAtMost, readText } from "../../../src/client/files/read-file.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { trustErrorOf } from "../../support/fetching.ts";

function file(content: string | Buffer): string {
  const path = join(temporaryDirectory(), "file");
  writeFileSync(path, content);
  return path;
}

describe("a file within bounds", () => {
  it.each([0, 1, 99, 100])("of %d bytes, where 100 are allowed", async (length) => {
    expect(await readAtMost(file("a".repeat(length)), 100)).toHaveLength(length);
  });

  it.each([101, 1_000_000])("not of %d bytes, where 100 are allowed", async (length) => {
    expect(await readAtMost(file("a".repeat(length)), 100)).toBeUndefined();
  });

  it("not one without an end", async () => {
    expect(await readAtMost("/dev/zero", 1_000_000)).toBeUndefined();
  });
});

describe("a file as text", () => {
  it("is what stands in it", async () => {
    expect(await readText(file("Grüße\n"), "file", 100)).toBe("Grüße\n");
  });

  it.each<[string, string | Buffer]>([
    ["too large", "a".repeat(101)],
    ["no UTF-8", Buffer.from([0x61, 0xff, 0x62])],
    ["cut within a letter", Buffer.from("é", "utf8").subarray(0, 1)],
  ])("%s: FILE_UNREADABLE", async (_, content) => {
    const path = file(content);
    expect(await trustErrorOf(readText(path, "file", 100))).toMatchObject({
      code: "FILE_UNREADABLE",
      file: path,
    });
  });

  it("that is missing, or a folder: FILE_UNREADABLE", async () => {
    const folder = temporaryDirectory();
    mkdirSync(join(folder, "below"));
    for (const name of ["missing", "below", join("missing", "file")]) {
      const path = join(folder, name);
      expect(await trustErrorOf(readText(path, "file", 100))).toMatchObject({
        code: "FILE_UNREADABLE",
        file: path,
      });
    }
  });
});
