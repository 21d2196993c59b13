/** Where the stock clients of all years put their keys, and what people make of such folders. */
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { keyFilesIn } from "../../../src/publisher/custody/key-files.ts";
import { keyCodeOf } from "../../contract/custody.ts";
import { type Folder, folderWith } from "../../support/folder.ts";

const id = "ab".repeat(32);
const other = "cd".repeat(32);

let home: Folder;
beforeEach(() => {
  home = folderWith();
});

/** Paths within the folder, with what they say. */
async function found() {
  const { files } = await keyFilesIn(home.path);
  return Object.fromEntries(files.map(({ path, ...said }) => [path.slice(home.path.length + 1), said]));
}

describe("keys are found", () => {
  it("by their IDs in the folder of today", async () => {
    home.write(`private/${id}.key`, "");
    home.write("private/remark.txt", "");
    home.write("private/.hidden.key", "");
    expect(await found()).toEqual({ [`private/${id}.key`]: { id } });
    expect((await keyFilesIn(home.path)).folder).toBe(home.at("private"));
  });

  it("in the two folders of before 0.4, with the repository that the folder is named after", async () => {
    home.write(`private/root_keys/${id}.key`, "");
    home.write(`private/tuf_keys/registry.test:5000/team/app/${other}.key`, "");
    expect(await found()).toEqual({
      [`private/root_keys/${id}.key`]: { id, role: "root" },
      [`private/tuf_keys/registry.test:5000/team/app/${other}.key`]: {
        id: other,
        repository: "registry.test:5000/team/app",
      },
    });
  });

  it("with the role behind their IDs, as the first clients wrote them", async () => {
    home.write(`private/tuf_keys/registry.test/app/${id}_targets.key`, "");
    home.write(`private/root_keys/${other}_root.key`, "");
    expect(await found()).toEqual({
      [`private/tuf_keys/registry.test/app/${id}_targets.key`]: {
        id,
        role: "targets",
        repository: "registry.test/app",
      },
      [`private/root_keys/${other}_root.key`]: { id: other, role: "root" },
    });
  });

  it("where the folder of keys alone was copied, in whichever layout", async () => {
    home.write(`${id}.key`, "");
    home.write(`root_keys/${other}.key`, "");
    expect(await found()).toEqual({
      [`${id}.key`]: { id },
      [`root_keys/${other}.key`]: { id: other, role: "root" },
    });
  });

  it("under any other name, which says nothing", async () => {
    for (const name of ["my root.key", "schlüssel.key", `${id}x.key`]) home.write(`private/${name}`, "");
    expect(Object.values(await found())).toEqual([{}, {}, {}]);
  });

  it("not in folders of the keys' folder that no client made", async () => {
    home.write(`private/elsewhere/${id}.key`, "");
    home.write(`tls/${id}.key`, "");
    expect(await found()).toEqual({});
  });
});

describe("what has the name of a key's file and is none", () => {
  beforeEach(() => {
    home.write(`private/${id}.key`, "");
  });

  it.each<readonly [string, (path: string) => void]>([
    ["a folder", (path) => mkdirSync(path)],
    ["a link to itself", (path) => symlinkSync(path, path)],
    ["a link to nothing", (path) => symlinkSync("nowhere", path)],
    ["a link to a folder", (path) => symlinkSync("/", path)],
  ])("is named, with its key, if it is %s, and hides no other", async (_, make) => {
    make(home.at(`private/${other}.key`));
    make(home.at("private/x.key"));
    const { files, faults } = await keyFilesIn(home.path);
    expect(files).toEqual([{ path: home.at(`private/${id}.key`), id }]);
    expect(faults.map(({ code, about }) => [code, about])).toEqual([
      ["KEY_FILE_UNREADABLE", [other]],
      ["KEY_FILE_UNREADABLE", undefined],
    ]);
    expect(faults[1]?.message).toContain(home.at("private/x.key"));
  });

  it("is a file after all if it is a link to one", async () => {
    symlinkSync(home.at(`private/${id}.key`), home.at("private/x.key"));
    expect((await keyFilesIn(home.path)).files).toHaveLength(2);
  });
});

it("a circle of folders is not followed", async () => {
  home.write(`private/tuf_keys/registry.test/app/${id}.key`, "");
  symlinkSync(home.path, home.at("private/tuf_keys/registry.test/loop"));
  expect(Object.keys(await found())).toHaveLength(1);
});

it("folders without end are refused", async () => {
  mkdirSync(home.at(join("private/tuf_keys", ...Array<string>(70).fill("a"))), { recursive: true });
  expect(await keyCodeOf(keyFilesIn(home.path))).toBe("KEY_FILE_UNREADABLE");
});

it("a folder that is not there is told so", async () => {
  expect(await keyCodeOf(keyFilesIn(home.at("nowhere")))).toBe("KEY_FILE_UNREADABLE");
});
