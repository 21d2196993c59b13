import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { cycleFindings, tableFindings } from "../../tools/imports.ts";
import { type Modules, readModule, readModules } from "../../tools/modules.ts";

const root = resolve(import.meta.dirname, "../..");
const real = readModules(root, ["src"]);

/** The real sources with one file put in place of another, or added. */
function planted(path: string, text: string): Modules {
  return new Map([...real, [path, readModule(path, text)]]);
}

describe("the import table", () => {
  test("the sources keep it", () => {
    expect(tableFindings(real)).toEqual([]);
  });

  test.each([
    ["src/core/planted.ts", "node:fs", "src/core may not use this built-in module"],
    ["src/core/planted.ts", "zod", "src/core may not use this package"],
    ["src/core/planted.ts", "../policy/policy.ts", "src/core may not import src/policy"],
    ["src/core/planted.ts", "crypto", 'a built-in module is named with "node:"'],
    ["src/policy/planted.ts", "../service/clock.ts", "src/policy may not import src/service"],
    [
      "src/policy/rules/planted.ts",
      "../../store/contract/store.ts",
      "src/policy may not import src/store/contract",
    ],
    ["src/service/planted.ts", "../store/sqlite.ts", "src/service may not import src/store/sqlite"],
    [
      "src/service/planted.ts",
      "../core/format/notary.ts",
      "src/service may not import src/core/format/notary",
    ],
    ["src/service/planted.ts", "fastify", "src/service may not use this package"],
    ["src/http/planted.ts", "../store/sqlite.ts", "src/http may not import src/store/sqlite"],
    ["src/http/planted.ts", "../store/contract/store.ts", "src/http may not import src/store/contract"],
    ["src/http/planted.ts", "../core/verify.ts", "src/http may not import src/core"],
    ["src/http/planted.ts", "./notary.ts", "src/http may not import src/http/notary"],
    ["src/http/notary.ts", "./operations.ts", "src/http/notary may not import src/http/operations"],
    ["src/store/sqlite/planted.ts", "../memory.ts", "src/store/sqlite may not import src/store/memory"],
    ["src/store/memory/planted.ts", "../sqlite.ts", "src/store/memory may not import src/store/sqlite"],
    ["src/store/memory/planted.ts", "better-sqlite3", "src/store/memory may not use this package"],
    ["src/signer/sealed/planted.ts", "../absent.ts", "src/signer/sealed may not import src/signer/absent"],
    ["src/serve/planted.ts", "../http/app.ts", "src/serve may not import src/http/app"],
    ["src/cli/planted.ts", "../http/errors.ts", "src/cli may not import src/http"],
    ["src/cli/planted.ts", "../store/memory.ts", "src/cli may not import src/store/memory"],
    ["src/publisher/planted.ts", "../service/trust.ts", "src/publisher may not import src/service"],
    ["src/client/planted.ts", "../publisher/draft.ts", "src/client may not import src/publisher"],
    ["src/client/planted.ts", "zod", "src/client may not use this package"],
    ["src/web/planted.ts", "../core/model.ts", "src/web may not import src/core"],
    ["src/log/planted.ts", "../core/model.ts", "src/log may not import src/core"],
    ["src/main.ts", "./store/sqlite.ts", "src/main may not import src/store/sqlite"],
    ["src/wire.ts", "./store/sqlite.ts", "src/wire may load it only by import()"],
    ["src/cli/planted.ts", "../../test/support/child.ts", "there is no such file"],
    ["src/cli/planted.ts", "./nowhere.ts", "there is no such file"],
  ])("%s may not import %s: %s", (path, specifier, rule) => {
    const findings = tableFindings(planted(path, `import { planted } from "${specifier}";\n`));
    expect(findings).toContain(`${path}: ${specifier}: ${rule}`);
  });

  test.each([
    ["a type", 'import type { Store } from "../store/sqlite.ts";\n'],
    ["a re-export", 'export { openSqlite } from "../store/sqlite.ts";\n'],
    ["all of it", 'export * from "../store/sqlite.ts";\n'],
    ["an import over several lines", 'import {\n  openSqlite,\n} from "../store/sqlite.ts";\n'],
    ["an import of effects only", 'import "../store/sqlite.ts";\n'],
    ["an import when needed", 'const { openSqlite } = await import("../store/sqlite.ts");\n'],
    ["a type named in place", 'let store: import("../store/sqlite.ts").Store;\n'],
  ])("%s counts", (_form, text) => {
    expect(tableFindings(planted("src/http/planted.ts", text))).toEqual([
      "src/http/planted.ts: ../store/sqlite.ts: src/http may not import src/store/sqlite",
    ]);
  });

  test("what lies outside src is not for src, even if it is there", () => {
    const modules = new Map([
      ...planted("src/cli/planted.ts", 'import { planted } from "../../tools/planted.ts";\n'),
      ["tools/planted.ts", readModule("tools/planted.ts", "")] as const,
    ]);
    expect(tableFindings(modules)).toEqual([
      "src/cli/planted.ts: ../../tools/planted.ts: only what lies in src may be imported there",
    ]);
  });

  test.each([
    ["src/planted.ts"],
    ["src/planted/planted.ts"],
    ["src/store/planted.ts"],
    ["src/signer/planted.ts"],
  ])("%s is in no row", (path) => {
    expect(tableFindings(planted(path, ""))).toEqual([`${path}: no row of the import table is about it`]);
  });

  test("a place that loads what a person names does so as often as the table says, and no more", () => {
    const driver = "src/publisher/custody/pkcs11/driver.ts";
    expect(tableFindings(planted(driver, "await import(name);\n"))).toEqual([]);
    expect(tableFindings(planted(driver, "await import(name);\nawait import(other);\n"))).toEqual([
      `${driver}: imports in a form that cannot be checked: 2`,
    ]);
  });

  test.each([
    ["a path that is put together", "await import(name);\n"],
    ["a template", "await import(`../store/sqlite.ts`);\n"],
    ["an import in single quotes", "import { x } from '../store/sqlite.ts';\n"],
    ["a name in quotes", 'import { "a b" as x } from "../store/sqlite.ts";\n'],
    ["a call of require", "require(name);\n"],
  ])("%s cannot be checked and is refused", (_form, text) => {
    expect(tableFindings(planted("src/service/planted.ts", text))).toEqual([
      "src/service/planted.ts: imports in a form that cannot be checked: 1",
    ]);
  });

  test.each(["createRequire", "process.getBuiltinModule", "new Function("])("%s is a way around", (word) => {
    expect(tableFindings(planted("src/service/planted.ts", `${word}`))[0]).toContain(
      "a way around the import table",
    );
  });

  test.each([
    ["Date.now()", "the clock"],
    ["new Date()", "the clock"],
    ["setTimeout(work, 1)", "a timer"],
    ["Math.random()", "chance"],
    ["randomBytes(24)", "chance"],
    ["process.env", "the process"],
    ["fetch(url)", "the network"],
  ])("core may not say %s", (text, word) => {
    const [finding] = tableFindings(planted("src/core/planted.ts", text));
    expect(finding).toContain(`src/core is pure and may not use ${word}`);
  });
});

describe("cycles", () => {
  test("a cycle of files is named with the whole way round", () => {
    const modules = new Map([
      ["src/core/a.ts", readModule("src/core/a.ts", 'import { b } from "./b.ts";\n')],
      ["src/core/b.ts", readModule("src/core/b.ts", 'import type { c } from "./c.ts";\n')],
      ["src/core/c.ts", readModule("src/core/c.ts", 'const { a } = await import("./a.ts");\n')],
    ]);
    expect(cycleFindings(modules)).toEqual([
      "a cycle: src/core/a.ts → src/core/b.ts → src/core/c.ts → src/core/a.ts",
    ]);
  });

  test("a file that imports itself is one", () => {
    const modules = new Map([["a.ts", readModule("a.ts", 'import { a } from "./a.ts";\n')]]);
    expect(cycleFindings(modules)).toEqual(["a cycle: a.ts → a.ts"]);
  });

  test("two ways to one file are none", () => {
    const modules = new Map([
      ["a.ts", readModule("a.ts", 'import { b } from "./b.ts";\nimport { c } from "./c.ts";\n')],
      ["b.ts", readModule("b.ts", 'import { c } from "./c.ts";\n')],
      ["c.ts", readModule("c.ts", "")],
    ]);
    expect(cycleFindings(modules)).toEqual([]);
  });
});

test("the command passes on this tree, cycles among tests and tools included", () => {
  const { status, stderr } = spawnSync(process.execPath, [resolve(root, "tools/imports.ts")], {
    encoding: "utf8",
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});
