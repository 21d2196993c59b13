import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { HalfReplaced, replaceFile, replaceFiles } from "../../../src/client/files/replace-file.ts";
import { temporaryDirectory } from "../../support/directory.ts";

/** What the system answers instead of doing its work; undefined: it does it. */
const broken: { rename?: () => string | undefined; link?: () => string | undefined } = {};
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  const breakable =
    (name: "rename" | "link") =>
    async (from: string, to: string): Promise<void> => {
      const code = broken[name]?.();
      if (code !== undefined) throw Object.assign(new Error(code), { code });
      await real[name](from, to);
    };
  return { ...real, rename: breakable("rename"), link: breakable("link") };
});

afterEach(() => {
  delete broken.rename;
  delete broken.link;
});

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

  it("leaves nothing half written if one is known not to fit in its place", async () => {
    const folder = temporaryDirectory();
    mkdirSync(join(folder, "two", "full"), { recursive: true });
    const work = replaceFiles([
      [join(folder, "one"), bytes("new")],
      [join(folder, "two"), bytes("new")],
    ]);
    await expect(work).rejects.toThrow();
    expect(readdirSync(folder)).toEqual(["two"]);
  });

  /** Replaces `old`, `link`, `new` and `last`; the last cannot be put in its place, as is found out when its turn comes. */
  async function failing(folder: string): Promise<unknown> {
    writeFileSync(join(folder, "old"), "old");
    writeFileSync(join(folder, "behind"), "behind");
    symlinkSync("behind", join(folder, "link"));
    const all = ["old", "link", "new", "last"].map((name) => [join(folder, name), bytes("new")] as const);
    return await replaceFiles(all, 0o644, "sync", async () => {
      mkdirSync(join(folder, "last", "full"), { recursive: true });
    }).catch((error: unknown) => error);
  }

  it("puts back what was replaced before one that fails, links too, and leaves nothing behind", async () => {
    const folder = temporaryDirectory();
    writeFileSync(join(folder, "old"), "older");
    const { ino } = statSync(join(folder, "old"));
    expect(await failing(folder)).toMatchObject({ code: expect.stringMatching(/^E[A-Z]+$/) });
    expect(readdirSync(folder).sort()).toEqual(["behind", "last", "link", "old"]);
    expect([text(join(folder, "old")), statSync(join(folder, "old")).ino]).toEqual(["old", ino]);
    expect([readlinkSync(join(folder, "link")), text(join(folder, "behind"))]).toEqual(["behind", "behind"]);
  });

  it("puts back a copy where there are no links", async () => {
    const folder = temporaryDirectory();
    broken.link = () => "EPERM";
    await failing(folder);
    expect([readdirSync(folder).sort(), text(join(folder, "old"))]).toEqual([
      ["behind", "last", "link", "old"],
      "old",
    ]);
  });

  it("says which are new and where the old bytes are if it cannot put them back", async () => {
    const folder = temporaryDirectory();
    let renames = 0;
    broken.rename = () => (++renames > 4 ? "EIO" : undefined);
    const error = await failing(folder);
    expect(error).toBeInstanceOf(HalfReplaced);
    const { files } = error as HalfReplaced;
    expect(files.map(({ path }) => path)).toEqual([join(folder, "old"), join(folder, "link")]);
    expect([text(join(folder, "old")), text(String(files[0]?.kept))]).toEqual(["new", "old"]);
    expect(readdirSync(folder)).toHaveLength(6);
  });
});
