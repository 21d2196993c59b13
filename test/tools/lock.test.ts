import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import {
  knownScripts,
  lockFindings,
  manifestFindings,
  packageName,
  readLock,
  readManifest,
  settingsFindings,
} from "../../tools/lock.ts";

const root = resolve(import.meta.dirname, "../..");
const read = (name: string) => readFileSync(resolve(root, name), "utf8");
const integrity = `sha512-${"A".repeat(86)}==`;
const address = "https://packages.acme.example";
const good = { version: "1.2.3", integrity };

const findings = (packages: Record<string, object>) =>
  lockFindings(readLock(JSON.stringify({ lockfileVersion: 3, packages: { "": {}, ...packages } })));
const manifest = (value: object) => manifestFindings(readManifest(JSON.stringify(value)));

describe("package-lock.json", () => {
  test("is as it must be", () => {
    expect(lockFindings(readLock(read("package-lock.json")))).toEqual([]);
  });

  test("names no package that wants to run code but the ones on the list, and all of those", () => {
    const { packages } = readLock(read("package-lock.json"));
    const wanting = Object.entries(packages).filter(([, entry]) => entry.hasInstallScript === true);
    expect(new Set(wanting.map(([place]) => packageName(place)))).toEqual(new Set(knownScripts.keys()));
  });

  test.each<[string, object, string]>([
    ["without a hash", { version: "1.2.3" }, "has no SHA-512 hash"],
    ["with a weak hash", { ...good, integrity: "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=" }, "has no SHA-512 hash"],
    [
      "with an address",
      { ...good, resolved: "https://packages.acme.example/a.tgz" },
      "names where it comes from",
    ],
    ["from a repository", { ...good, version: "git+ssh://git@acme.example/a.git#1" }, "has no version"],
    ["that is a link", { ...good, link: true }, "is a link"],
    ["of another name", { ...good, name: "b" }, "is another package under this name"],
    ["with an install script", { ...good, hasInstallScript: true }, "wants to run code at installation"],
    [
      "that wants a repository",
      { ...good, dependencies: { b: "acme/b" } },
      "wants b from elsewhere than the registry",
    ],
    [
      "that wants an archive",
      { ...good, optionalDependencies: { b: "https://acme.example/b.tgz" } },
      "wants b from elsewhere than the registry",
    ],
  ])("a package %s is refused", (_what, entry, finding) => {
    expect(findings({ "node_modules/a": entry })).toEqual([`node_modules/a: ${finding}`]);
  });

  test("a package under a name of the list is accepted, for that package only", () => {
    const wanting = (range: string) => ({ ...good, dependencies: { "strip-ansi-cjs": range } });
    expect(findings({ "node_modules/a": wanting("npm:strip-ansi@^6.0.1") })).toEqual([]);
    expect(findings({ "node_modules/a": wanting("npm:strip-ansy@^6.0.1") })).toHaveLength(1);
    expect(findings({ "node_modules/strip-ansi-cjs": { ...good, name: "strip-ansi" } })).toEqual([]);
    expect(findings({ "node_modules/strip-ansi-cjs": { ...good, name: "strip-ansy" } })).toHaveLength(1);
  });

  const platform = { version: "1.2.3", optional: true, dev: true, os: ["win32"], cpu: ["x64"] };
  const wanting = { ...good, optionalDependencies: { "a-win32-x64": "1.2.3" } };

  test("a package for a platform that the registry lacked needs no hash", () => {
    expect(findings({ "node_modules/a": wanting, "node_modules/a-win32-x64": platform })).toEqual([]);
  });

  test.each<[string, object, object]>([
    ["nobody names it", good, platform],
    ["another version is named", wanting, { ...platform, version: "1.2.4" }],
    ["it is needed at run time", wanting, { ...platform, dev: false }],
    ["it is not optional", wanting, { ...platform, optional: false }],
    ["it is for every system", wanting, { ...platform, os: undefined }],
  ])("it needs one when %s", (_when, a, entry) => {
    expect(findings({ "node_modules/a": a, "node_modules/a-win32-x64": entry })).toEqual([
      "node_modules/a-win32-x64: has no SHA-512 hash",
    ]);
  });
});

describe("package.json", () => {
  test("is as it must be", () => {
    expect(manifestFindings(readManifest(read("package.json")))).toEqual([]);
  });

  test.each(["^1.2.3", "latest", "file:../a", "github:acme/a"])("%s is not one version", (version) => {
    expect(manifest({ devDependencies: { a: version } })).toEqual([
      "package.json: a is not pinned to one version",
    ]);
  });

  test("a script of our own at installation is refused", () => {
    expect(manifest({ scripts: { prepare: "true" } })).toEqual([
      "package.json: prepare runs code at installation",
    ]);
  });
});

describe(".npmrc", () => {
  const needed = "ignore-scripts=true\nomit-lockfile-registry-resolved=true\n";

  test("is as it must be", () => {
    expect(settingsFindings(read(".npmrc"))).toEqual([]);
  });

  test("scripts must be switched off", () => {
    expect(settingsFindings(needed.replace("ignore-scripts=true", "ignore-scripts=false"))).toEqual([
      ".npmrc: ignore-scripts=true is missing",
    ]);
  });

  test.each([
    ["a registry", `registry=${address}`],
    ["a registry of a scope", `@acme:registry = ${address}`],
    ["a secret", "_authToken=x"],
  ])("%s is refused", (_what, line) => {
    expect(settingsFindings(`${needed}${line}\n`)).toEqual([".npmrc: names a registry or a secret"]);
  });
});
