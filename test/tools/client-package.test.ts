import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { withJavaScriptEndings } from "../../tools/client-build.ts";
import { closureFindings, dependencyFindings, placesOf } from "../../tools/client-dependencies.ts";
import { licencesOf, licenceText, type Notice } from "../../tools/client-licences.ts";
import { type ClientManifest, entriesOf, readClientManifest } from "../../tools/client-manifest.ts";
import { apiFindings, bounds, fileFindings, type Packed, sizeFindings } from "../../tools/client-package.ts";
import { readLock } from "../../tools/lock.ts";

const root = resolve(import.meta.dirname, "../..");
const manifest: ClientManifest = {
  name: "@acme/client",
  engines: { node: ">=22.12" },
  exports: {
    ".": { types: "./dist/client/index.d.ts", default: "./dist/client/index.js" },
    "./list": { types: "./dist/client/list.d.ts", default: "./dist/client/list.js" },
  },
  bin: { client: "dist/bin/client.js" },
  dependencies: {},
};

describe("the manifest", () => {
  test("names entries whose sources are where the build looks for them", () => {
    const entries = entriesOf(readClientManifest(root));
    expect(entries[0]).toEqual({
      name: "@vidimus/client",
      path: "client/index",
      report: "client.api.md",
    });
  });

  test("gives a sub-path its own source and report", () => {
    expect(entriesOf(manifest)[1]).toEqual({
      name: "@acme/client/list",
      path: "client/list",
      report: "list.api.md",
    });
  });

  test("may not name other types than those of the code", () => {
    const entry = { types: "./dist/client/other.d.ts", default: "./dist/client/list.js" };
    expect(() => entriesOf({ ...manifest, exports: { "./list": entry } })).toThrow(
      "are not the types of ./dist/client/list.js",
    );
  });
});

describe("declarations", () => {
  test("name the files beside them as JavaScript", () => {
    const text = [
      'import type { A } from "./a.ts";',
      'import "../b.ts";',
      'export type C = import("./c.ts").C;',
      'export const d: "./d.ts";',
      'import type { E } from "e.ts";',
    ];
    expect(withJavaScriptEndings(text.join("\n")).split("\n")).toEqual([
      'import type { A } from "./a.js";',
      'import "../b.js";',
      'export type C = import("./c.js").C;',
      'export const d: "./d.ts";',
      'import type { E } from "e.ts";',
    ]);
  });
});

describe("size", () => {
  const packed = (size: number, unpackedSize: number): Packed => ({ size, unpackedSize, files: [] });

  test("may reach its bounds", () => {
    expect(sizeFindings(packed(bounds.packed, bounds.unpacked))).toEqual([]);
  });

  test.each([
    ["packed", bounds.packed + 1, 1],
    ["unpacked", 1, bounds.unpacked + 1],
  ] as const)("may not exceed the bound when %s", (form, size, unpackedSize) => {
    expect(sizeFindings(packed(size, unpackedSize))).toEqual([
      expect.stringMatching(new RegExp(`bytes ${form}, more than ${bounds[form]}`)),
    ]);
  });
});

describe("files", () => {
  const complete = new Map([
    ["package.json", 0o644],
    ["README.md", 0o644],
    ["LICENSE", 0o644],
    ["dist/client/index.js", 0o644],
    ["dist/client/index.d.ts", 0o644],
    ["dist/client/list.js", 0o644],
    ["dist/client/list.d.ts", 0o644],
    ["dist/client/fetch/within.js", 0o644],
    ["dist/core/format/notary.js", 0o644],
    ["dist/bin/client.js", 0o755],
    ["dist/bin/parts/p-limit.js", 0o644],
    ["dist/bin/THIRD-PARTY-LICENSES.txt", 0o644],
  ]);
  const findings = (files: ReadonlyMap<string, number>) =>
    fileFindings(
      { size: 1, unpackedSize: 1, files: [...files].map(([path, mode]) => ({ path, mode })) },
      manifest,
    );

  test("are what a user needs", () => {
    expect(findings(complete)).toEqual([]);
  });

  test.each([
    "src/client/index.ts",
    "dist/client/index.ts",
    "dist/client/index.js.map",
    "dist/client/index.test.js",
    "dist/store/sqlite.js",
    "dist/tsconfig.json",
    "client.api.md",
    ".npmrc",
  ])("%s is not one of them", (path) => {
    expect(findings(new Map([...complete, [path, 0o644]]))).toEqual([
      `${path} is in the package and may not`,
    ]);
  });

  test.each([
    "README.md",
    "LICENSE",
    "dist/client/index.d.ts",
    "dist/client/list.js",
    "dist/bin/client.js",
    "dist/bin/THIRD-PARTY-LICENSES.txt",
  ])("%s may not be missing", (path) => {
    const files = new Map(complete);
    files.delete(path);
    expect(findings(files)).toEqual([`${path} is not in the package`]);
  });

  test("an executable that cannot be executed is found", () => {
    expect(findings(new Map([...complete, ["dist/bin/client.js", 0o644]]))).toEqual([
      "dist/bin/client.js cannot be executed",
    ]);
  });
});

describe("dependencies", () => {
  const pinned = { yaml: "2.0.0", zod: "4.0.0", pino: "1.0.0" };
  const findings = (declared: Record<string, string>, ...imported: string[]) =>
    dependencyFindings(declared, new Set(imported), pinned);

  test("are what is imported, as the tree has it", () => {
    expect(findings({ yaml: "2.0.0", zod: "4.0.0" }, "yaml", "zod")).toEqual([]);
  });

  test.each<[string, Record<string, string>, string[], string]>([
    ["off the list", { pino: "1.0.0" }, ["pino"], "pino is not on the list of tools/client-dependencies.ts"],
    ["that nothing imports", { yaml: "2.0.0" }, [], "yaml is not imported by the library: take it out"],
    ["that is not named", {}, ["yaml"], "yaml is imported: name it"],
    ["of another version", { yaml: "2.0.1" }, ["yaml"], "yaml must be 2.0.0"],
    ["that the tree lacks", { "p-limit": "1.0.0" }, ["p-limit"], "p-limit must be in package.json, too"],
  ])("a package %s is found", (_what, declared, imported, finding) => {
    expect(findings(declared, ...imported)).toEqual([`client/package.json: ${finding}`]);
  });
});

describe("all that comes along", () => {
  const lock = (packages: Record<string, object>) =>
    readLock(JSON.stringify({ lockfileVersion: 3, packages: { "": {}, ...packages } }));
  const tree = lock({
    "node_modules/a": { dependencies: { b: "1.0.0" } },
    "node_modules/a/node_modules/b": { dependencies: { c: "1.0.0" }, peerDependencies: { d: "*", e: "*" } },
    "node_modules/b": {},
    "node_modules/c": { optionalDependencies: { b: "2.0.0" } },
    "node_modules/d": {},
    "node_modules/other": { hasInstallScript: true },
  });

  test("is found where Node would find it, optional parts and peers included", () => {
    const peers = {
      ...tree.packages["node_modules/a/node_modules/b"],
      peerDependenciesMeta: { e: { optional: true } },
    };
    const packages = { ...tree.packages, "node_modules/a/node_modules/b": peers };
    expect([...placesOf({ ...tree, packages }, ["a"])]).toEqual([
      "node_modules/a",
      "node_modules/a/node_modules/b",
      "node_modules/c",
      "node_modules/d",
      "node_modules/b",
    ]);
  });

  test("may not lack anything in the lock", () => {
    expect(() => placesOf(tree, ["a"])).toThrow("node_modules/a/node_modules/b need e");
  });

  test("may not run code at installation, however deep it lies", () => {
    const packages = {
      "node_modules/a": { dependencies: { b: "1" } },
      "node_modules/b": { hasInstallScript: true },
    };
    expect(closureFindings(lock(packages), ["a"], () => [])).toEqual(["b runs code at installation"]);
  });

  test("may not hold native code", () => {
    const native = (place: string) => (place === "node_modules/b" ? ["build/b.node"] : []);
    const packages = { "node_modules/a": { dependencies: { b: "1" } }, "node_modules/b": {} };
    expect(closureFindings(lock(packages), ["a"], native)).toEqual(["b holds native code: build/b.node"]);
  });
});

describe("the API", () => {
  test("is as it was", () => {
    expect(apiFindings("client.api.md", "a\nb\n", "a\nb\n")).toEqual([]);
  });

  test("has changed: the lines that did, and what to do", () => {
    expect(apiFindings("client.api.md", "a\nb\n", "a\nc\n")).toEqual([
      "client/client.api.md is not the API that was built; if the change is meant, " +
        "run npm run build:client -- --api\n  - b\n  + c",
    ]);
  });

  test("has no report yet", () => {
    expect(apiFindings("list.api.md", undefined, "a")).toEqual([
      expect.stringContaining("build:client -- --api"),
    ]);
  });

  test("has lines that only moved", () => {
    expect(apiFindings("client.api.md", "a\nb", "b\na")).toHaveLength(1);
  });

  test("shows a type that cannot be named", () => {
    const text =
      '// Warning: (ae-forgotten-export) The symbol "Rules" needs to be exported by the entry point';
    expect(apiFindings("client.api.md", text, text)).toEqual([
      "client/client.api.md: Rules is part of the API and not exported: export it",
    ]);
  });
});

describe("licences", () => {
  const notice = (name: string, more: Partial<Notice> = {}): Notice => ({
    name,
    version: "1.0.0",
    licence: "MIT",
    repository: "https://git.acme.example/tools",
    text: `Copyright ${name}`,
    ...more,
  });

  test("are given package by package", () => {
    const text = licenceText([notice("b"), notice("a")]);
    expect(text.match(/^[ab] 1\.0\.0 \(MIT\)$/gm)).toEqual(["a 1.0.0 (MIT)", "b 1.0.0 (MIT)"]);
    expect(text).toContain("Copyright a");
  });

  test("are those of a sibling where a package brings none", () => {
    const text = licenceText([notice("a"), notice("b", { text: undefined })]);
    expect(text.match(/Copyright a/g)).toHaveLength(2);
  });

  test.each<[string, Partial<Notice>]>([
    ["of another repository", { repository: "https://git.acme.example/other" }],
    ["of no repository", { repository: undefined }],
    ["under another licence", { licence: "ISC" }],
  ])("may not be taken from a package %s", (_what, more) => {
    expect(() => licenceText([notice("a"), notice("b", { text: undefined, ...more })])).toThrow(
      "b 1.0.0 brings no text of its licence",
    );
  });

  test("are of packages that may be in the bundle only", () => {
    const modules = ["/tree/node_modules/yaml/dist/index.js", "/tree/src/main.ts"];
    expect(() => licencesOf("/tree", modules, new Set(["node_modules/zod"]))).toThrow("node_modules/yaml");
  });
});
