import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { missingPlatforms, readLock } from "../../tools/lock-platforms.ts";

const lockWith = (packages: Record<string, object>) => readLock(JSON.stringify({ packages }));

describe("missingPlatforms", () => {
  test("nothing is missing from package-lock.json, so that npm 11 installs from it", () => {
    const lock = readLock(readFileSync(resolve(import.meta.dirname, "../../package-lock.json"), "utf8"));
    expect([...missingPlatforms(lock).keys()]).toEqual([]);
  });

  test("a package for another platform is named with its version, system and processor", () => {
    const lock = lockWith({
      "node_modules/tool": { dev: true, optionalDependencies: { "@tool/cli-win32-x64": "1.2.3" } },
    });
    expect(missingPlatforms(lock)).toEqual(
      new Map([
        [
          "node_modules/@tool/cli-win32-x64",
          { version: "1.2.3", cpu: ["x64"], dev: true, optional: true, os: ["win32"] },
        ],
      ]),
    );
  });

  test.each([
    ["@tool/linux-arm64-musl", "musl"],
    ["@tool/linux-arm-musleabihf", "musl"],
    ["@tool/linux-x64-gnu", "glibc"],
  ])("%s is for %s", (name, libc) => {
    const lock = lockWith({ "node_modules/tool": { optionalDependencies: { [name]: "1.2.3" } } });
    expect(missingPlatforms(lock).get(`node_modules/${name}`)?.libc).toEqual([libc]);
  });

  test("a package that is there, beside or below, is not missing", () => {
    const lock = lockWith({
      "node_modules/a": { optionalDependencies: { "x-linux-x64": "1.0.0", "y-linux-x64": "1.0.0" } },
      "node_modules/x-linux-x64": {},
      "node_modules/a/node_modules/y-linux-x64": {},
    });
    expect(missingPlatforms(lock).size).toBe(0);
  });

  test.each([
    ["fsevents", "2.3.3"],
    ["@tool/cli-win32-x64", "^1.2.3"],
  ])("%s %s cannot be added without npm", (name, version) => {
    const lock = lockWith({ "node_modules/tool": { optionalDependencies: { [name]: version } } });
    expect(() => missingPlatforms(lock)).toThrow(`${name}@${version} is missing from the lock`);
  });
});
