import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { Edit } from "../../src/publisher/edits.ts";
import { PublishError } from "../../src/publisher/errors.ts";
import { facts } from "../../src/publisher/files.ts";
import { mostEdits, Staging } from "../../src/publisher/staging.ts";
import { newKey } from "../support/publisher.ts";
import { emptyFolder } from "../support/trusting.ts";

const place = { server: "https://notary.example.test", repository: "example.test/app" };
let folder: string;
let staging: Staging;

beforeEach(() => {
  folder = emptyFolder();
  staging = new Staging(folder);
});

const add = (name: string): Edit => ({
  edit: "add",
  role: "targets",
  name,
  target: facts(Buffer.from(name)),
  stood: null,
});

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof PublishError) return error.code;
    throw error;
  }
  throw new Error("It was not refused.");
}

const files = () => readdirSync(folder).filter((name) => name.endsWith(".json"));
const file = () => join(folder, files()[0] ?? "");

it("nothing is staged where nothing was, and nothing is made by looking", async () => {
  expect(await staging.read(place)).toEqual({ ...place, edits: [] });
  expect(await staging.all()).toEqual([]);
  expect(() => readdirSync(folder)).toThrowError("ENOENT");
});

it("every kind of edit is read as it was staged", async () => {
  const { listed } = newKey();
  const edits: Edit[] = [
    add("a"),
    {
      edit: "add",
      role: "targets/x",
      name: "b",
      target: { ...facts(Buffer.from("b")), custom: { a: [1, "x"] } },
      stood: "0".repeat(64),
    },
    { edit: "remove", role: "targets", name: "c", stood: "1".repeat(64) },
    {
      edit: "delegation",
      role: "targets/x",
      addKeys: [listed],
      removeKeys: [listed.id],
      addPaths: [""],
      removePaths: ["y"],
      threshold: 2,
    },
    { edit: "delegation", role: "targets/y" },
    { edit: "delegation-removal", role: "targets/x/y" },
    { edit: "keys", role: "root", add: [listed], remove: [] },
    { edit: "threshold", role: "targets", threshold: 2 },
    { edit: "resign", role: "root", dated: false },
  ];
  for (const each of edits) await staging.add(place, [each]);
  expect((await new Staging(folder).read(place)).edits).toEqual(edits);
  expect(statSync(file()).mode & 0o777).toBe(0o600);
});

it("repositories and servers are kept apart, and listed by name", async () => {
  const other = { ...place, server: "https://other.example.test" };
  const second = { ...place, repository: "example.test/a" };
  for (const each of [place, other, second]) await staging.add(each, [add("x")]);
  expect((await staging.all()).map(({ repository }) => repository)).toEqual([
    "example.test/a",
    "example.test/app",
    "example.test/app",
  ]);
});

it("what was published goes, what was staged meanwhile stays", async () => {
  await staging.add(place, [add("a"), add("b"), add("a")]);
  const { edits } = await staging.read(place);
  await staging.add(place, [add("late")]);
  expect((await staging.remove(place, edits)).edits).toEqual([add("late")]);
  await staging.remove(place, "all");
  expect(files()).toEqual([]);
});

it("two who stage at once both are there", async () => {
  await Promise.all(Array.from({ length: 8 }, (_, i) => new Staging(folder).add(place, [add(`n${i}`)])));
  expect((await staging.read(place)).edits).toHaveLength(8);
});

describe("is refused with what is there untouched", () => {
  it.each([
    ["no JSON", () => "{"],
    ["another format", (text: string) => text.replace("vidimus-staged/1", "vidimus-staged/2")],
    ["an edit that nobody knows", (text: string) => text.replace('"add"', '"odd"')],
    ["a member that nobody knows", (text: string) => text.replace('"stood"', '"odd": 1, "stood"')],
    ["a role that is none", (text: string) => text.replace('"targets"', '"snapshot"')],
    ["another repository", (text: string) => text.replace("example.test/app", "example.test/apq")],
  ])("STAGING_DAMAGED: %s", async (_what, damage) => {
    await staging.add(place, [add("a")]);
    const bad = damage(readFileSync(file(), "utf8"));
    writeFileSync(file(), bad);
    expect(await codeOf(staging.read(place))).toBe("STAGING_DAMAGED");
    expect(await codeOf(staging.add(place, [add("b")]))).toBe("STAGING_DAMAGED");
    expect(await codeOf(staging.all())).toBe("STAGING_DAMAGED");
    expect(readFileSync(file(), "utf8")).toBe(bad);
  });

  it("STAGING_DAMAGED: a key whose ID is another's", async () => {
    const [one, two] = [newKey(), newKey()];
    await staging.add(place, [{ edit: "keys", role: "targets", add: [one.listed], remove: [] }]);
    writeFileSync(file(), readFileSync(file(), "utf8").replace(one.listed.id, two.listed.id));
    expect(await codeOf(staging.read(place))).toBe("STAGING_DAMAGED");
  });

  it("STAGING_UNWRITABLE: more edits than one publication may hold", async () => {
    const many = Array.from({ length: mostEdits }, (_, i) => add(`${i}`));
    await staging.add(place, many);
    expect(await codeOf(staging.add(place, [add("more")]))).toBe("STAGING_UNWRITABLE");
    expect((await staging.read(place)).edits).toHaveLength(mostEdits);
  });

  it("STAGING_UNWRITABLE: where there can be no folder", async () => {
    const file = join(emptyFolder(), "..", "file");
    writeFileSync(file, "");
    expect(await codeOf(new Staging(join(file, "staged")).add(place, [add("a")]))).toBe("STAGING_UNWRITABLE");
  });
});

describe("what could not be read again", () => {
  it("is not written: STAGING_UNWRITABLE", async () => {
    await staging.add(place, [add("a")]);
    expect(await codeOf(staging.add(place, [add("")]))).toBe("STAGING_UNWRITABLE");
    expect((await staging.read(place)).edits).toEqual([add("a")]);
  });

  it("can be dropped all the same", async () => {
    await staging.add(place, [add("a")]);
    writeFileSync(file(), "{");
    expect(await codeOf(staging.read(place))).toBe("STAGING_DAMAGED");
    await staging.remove(place, "all");
    expect(files()).toEqual([]);
  });

  it("leads nowhere in a folder where nothing can be made: STAGING_UNWRITABLE, at once", async () => {
    expect(await codeOf(new Staging("/proc/nowhere").add(place, [add("a")]))).toBe("STAGING_UNWRITABLE");
  });
});
