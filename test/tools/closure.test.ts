import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { client, closureFindings, core } from "../../tools/closure.ts";
import { readModule, readModules } from "../../tools/modules.ts";

const modulesOf = (files: Record<string, string>) =>
  new Map(Object.entries(files).map(([path, text]) => [path, readModule(path, text)]));

describe("core", () => {
  test("brings nothing along but itself and node:crypto", () => {
    const modules = readModules(resolve(import.meta.dirname, "../.."), ["src"]);
    expect(closureFindings(modules, core)).toEqual([]);
  });

  test("what comes along over two steps is found", () => {
    const modules = modulesOf({
      "src/core/a.ts": 'import { b } from "./b.ts";\n',
      "src/core/b.ts": 'import { c } from "../config/c.ts";\n',
      "src/config/c.ts": 'import { readFileSync } from "node:fs";\nimport { z } from "zod/v4";\n',
    });
    expect(closureFindings(modules, core)).toEqual([
      "core: src/config/c.ts comes along and may not",
      "core: zod comes along and may not",
      "core: node:fs comes along and may not",
    ]);
  });

  test("an empty folder proves nothing", () => {
    expect(closureFindings(modulesOf({ "src/main.ts": "" }), core)).toEqual([
      "core: there is nothing to start from",
    ]);
  });
});

describe("client", () => {
  const entries = ["src/client/index.ts"];
  const files = {
    "src/client/index.ts": 'export { a } from "./a.ts";\n',
    "src/client/a.ts": 'import { verify } from "../core/verify.ts";\nimport { z } from "zod";\n',
    "src/core/verify.ts": 'import { verify } from "node:crypto";\n',
    "src/client/unused.ts": 'import Database from "better-sqlite3";\n',
  };

  test("may bring along core and the packages of its manifest; what it does not reach does not count", () => {
    expect(closureFindings(modulesOf(files), client(["zod"], entries))).toEqual([]);
  });

  test("may not bring along a package that its manifest does not name", () => {
    expect(closureFindings(modulesOf(files), client([], entries))).toEqual([
      "client: zod comes along and may not",
    ]);
  });

  test("may not bring along the server", () => {
    const modules = modulesOf({
      ...files,
      "src/client/a.ts": 'import type { Store } from "../store/contract/store.ts";\n',
      "src/store/contract/store.ts": "",
    });
    expect(closureFindings(modules, client([], entries))).toEqual([
      "client: src/store/contract/store.ts comes along and may not",
    ]);
  });
});
