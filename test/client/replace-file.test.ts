import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { replaceFile, replaceFiles } from "../../src/client/replace-file.ts";
import { temporaryDirectory } from "../support/directory.ts";

const text = (path: string) => readFileSync(path, "utf8");
const bytes = (content: string) => Buffer.from(content, "utf8");

describe("replacing a file", () => {
  it("makes it, with its mode and nothing beside it", async () => {
    const folder = temporaryDirectory();
    const path = join(folder, "file");
    await replaceFile(path, bytes("new"));
    expect([text(path), statSync(path).mode & 0o777, readdirSync(folder)]).toEqual(["new", 0o600, ["file"]]);
  });

  it("takes the place of the old one, whatever its mode", async () => {
    const path = join(temporaryDirectory(), "file");
    writeFileSync(path, "old");
    chmodSync(path, 0o444);
    await replaceFile(path, bytes("new"), 0o644);
    expect([text(path), statSync(path).mode & 0o777]).toEqual(["new", 0o644]);
  });

  it("replaces a link itself and not what it points to", async () => {
    const folder = temporaryDirectory();
    writeFileSync(join(folder, "target"), "old");
    symlinkSync(join(folder, "target"), join(folder, "link"));
    await replaceFile(join(folder, "link"), bytes("new"));
    expect([text(join(folder, "target")), text(join(folder, "link"))]).toEqual(["old", "new"]);
  });

  it("is seen as the old or the new one by whoever reads meanwhile", async () => {
    const path = join(temporaryDirectory(), "file");
    const contents = ["a", "b"].map((letter) => letter.repeat(200_000));
    writeFileSync(path, contents[0] ?? "");
    let writing = true;
    const writes = (async () => {
      for (let turn = 0; turn < 40; turn++) await replaceFile(path, bytes(contents[turn % 2] ?? ""));
      writing = false;
    })();
    let reads = 0;
    for (; writing; reads++) {
      expect(contents.includes(text(path))).toBe(true);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await writes;
    expect(reads).toBeGreaterThan(0);
  });
});

describe("replacing several", () => {
  it("replaces all", async () => {
    const folder = temporaryDirectory();
    mkdirSync(join(folder, "below"));
    const paths = [join(folder, "one"), join(folder, "below", "two")];
    await replaceFiles(paths.map((path) => [path, bytes(path)]));
    expect(paths.map(text)).toEqual(paths);
  });

  it("replaces none if one cannot be written, and leaves nothing behind", async () => {
    const folder = temporaryDirectory();
    writeFileSync(join(folder, "one"), "old");
    const work = replaceFiles([
      [join(folder, "one"), bytes("new")],
      [join(folder, "missing", "two"), bytes("new")],
    ]);
    await expect(work).rejects.toMatchObject({ code: "ENOENT" });
    expect([text(join(folder, "one")), readdirSync(folder)]).toEqual(["old", ["one"]]);
  });

  it("leaves nothing half written if one cannot be put in its place", async () => {
    const folder = temporaryDirectory();
    mkdirSync(join(folder, "two", "full"), { recursive: true });
    const work = replaceFiles([
      [join(folder, "one"), bytes("new")],
      [join(folder, "two"), bytes("new")],
    ]);
    await expect(work).rejects.toThrow();
    expect(readdirSync(folder)).toEqual(["two"]);
  });
});
