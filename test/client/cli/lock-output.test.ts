import { mkdirSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { isLockedName, lockedName, writeOutputs } from "../../../src/client/cli/lock-output.ts";
import { TrustError } from "../../../src/client/errors.ts";
import { encodeLock } from "../../../src/client/locking/lockfile.ts";
import { trustErrorOf } from "../../support/fetching.ts";
import { type Folder, folderWith } from "../../support/folder.ts";

/** What the system answers to a renaming instead of doing it; undefined: it does it. */
let broken: (to: string) => string | undefined = () => undefined;
vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof import("node:fs/promises")>();
  const rename = async (from: string, to: string): Promise<void> => {
    const code = broken(to);
    if (code !== undefined) throw Object.assign(new Error(code), { code });
    await real.rename(from, to);
  };
  return { ...real, rename };
});

const lockOf = (day: number) =>
  encodeLock({ lockedAt: `2026-11-0${day}T00:00:00Z`, images: [], unverified: [] });
const [first, second] = [lockOf(1), lockOf(2)];
let folder: Folder;
let lockName: string;

beforeEach(() => {
  folder = folderWith({ "a.locked.yml": "old", "vidimus.lock": first });
  lockName = folder.at("vidimus.lock");
});

afterEach(() => {
  broken = () => undefined;
});

const write = (before: string | undefined) =>
  writeOutputs({
    lockName,
    before,
    files: [
      [folder.at("a.locked.yml"), "new"],
      [folder.at("b.locked.yml"), "new"],
      [lockName, second],
    ],
  });

describe("what is written", () => {
  it("is all of it, with nothing beside it", async () => {
    await write(first);
    expect(folder.contents()).toEqual({
      "a.locked.yml": "new",
      "b.locked.yml": "new",
      "vidimus.lock": second,
    });
  });

  it("is nothing if the lock is another one by now, or gone, or only now there", async () => {
    for (const before of [second, undefined]) {
      const error = await trustErrorOf(write(before));
      expect(error).toMatchObject({ code: "LOCK_DIFFERS", file: lockName });
    }
    lockName = folder.at("other.lock");
    expect(await trustErrorOf(write(first))).toMatchObject({ code: "LOCK_DIFFERS" });
    expect(folder.contents()).toEqual({ "a.locked.yml": "old", "vidimus.lock": first });
  });

  it("is put back if the last of it cannot be put in its place", async () => {
    broken = (to) => (to === lockName ? "EIO" : undefined);
    const error = await trustErrorOf(write(first));
    expect([error.code, error.message]).toEqual(["OUTPUT_UNWRITABLE", expect.stringContaining("(EIO)")]);
    expect(folder.contents()).toEqual({ "a.locked.yml": "old", "vidimus.lock": first });
  });

  it("is named with where the old bytes are if it cannot be put back", async () => {
    let tries = 0;
    broken = (to) => {
      const again = to === folder.at("a.locked.yml") && ++tries > 1;
      return to === lockName || again ? "EIO" : undefined;
    };
    const { code, message } = await trustErrorOf(write(first));
    const [, kept = ""] = /a\.locked\.yml \(the old one is (.*)\)\.$/.exec(message) ?? [];
    expect(code).toBe("OUTPUT_UNWRITABLE");
    expect(message).not.toContain("b.locked.yml (");
    expect(folder.contents()).toEqual({
      "a.locked.yml": "new",
      "vidimus.lock": first,
      [kept.slice(folder.path.length + 1)]: "old",
    });
  });

  it("is nothing if the folder is not there", async () => {
    lockName = folder.at("none/vidimus.lock");
    expect(await trustErrorOf(write(undefined))).toMatchObject({ code: "OUTPUT_UNWRITABLE" });
    expect(folder.contents()).toEqual({ "a.locked.yml": "old", "vidimus.lock": first });
  });

  it("may be nothing at all, and then no lock is looked at", async () => {
    mkdirSync(folder.at("sub"));
    await writeOutputs({ lockName: folder.at("none/vidimus.lock"), before: first, files: [] });
  });
});

it("two that write at once write one after the other, and the second is refused", async () => {
  const results = await Promise.allSettled(
    ["x", "y"].map((text) =>
      writeOutputs({
        lockName,
        before: first,
        files: [
          [folder.at("a.locked.yml"), text],
          [lockName, text === "x" ? second : lockOf(3)],
        ],
      }),
    ),
  );
  const [lost] = results.flatMap((each) => (each.status === "rejected" ? [each.reason] : []));
  expect(lost).toBeInstanceOf(TrustError);
  expect(lost).toMatchObject({ code: "LOCK_DIFFERS" });
  const winner = results[0]?.status === "fulfilled" ? ["x", second] : ["y", lockOf(3)];
  expect([folder.read("a.locked.yml"), folder.read("vidimus.lock")]).toEqual(winner);
});

it.each([
  ["a.yml", "a.locked.yml"],
  ["x/linuxkit.yaml", "x/linuxkit.locked.yaml"],
  ["Dockerfile", "Dockerfile.locked"],
  ["Dockerfile.prod", "Dockerfile.prod.locked"],
  ["app.dockerfile", "app.locked.dockerfile"],
  ["images.v2", "images.v2.locked"],
  ["images.txt", "images.locked.txt"],
  [".hidden", ".hidden.locked"],
])("%s is locked as %s", (file, locked) => {
  expect([lockedName(file), isLockedName(locked), isLockedName(file)]).toEqual([locked, true, false]);
});
