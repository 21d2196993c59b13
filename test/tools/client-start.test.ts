import { describe, expect, it } from "vitest";
import { askForBuiltins } from "../../tools/client-start.ts";

const asked = (name: string) => `globalThis.process.getBuiltinModule("${name}")`;

describe("imports of built-in modules in a bundle", () => {
  it("become questions to the process, name by name", () => {
    const code = 'import { verify, hash as hash$1 } from "node:crypto";\nimport fs from "node:fs";\n';
    expect(askForBuiltins(code)).toBe(
      `const { verify, hash: hash$1 } = ${asked("node:crypto")};\nconst fs = ${asked("node:fs")};\n`,
    );
  });

  it("keep the whole and its parts apart", () => {
    expect(askForBuiltins('import path, { join } from "node:path";')).toBe(
      `const path = ${asked("node:path")};\nconst { join } = path;`,
    );
  });

  it("stay as they are in every other form", () => {
    const others = [
      'import * as tls from "node:tls";',
      'import "node:tls";',
      'import { a } from "./parts/a.js";',
      'const late = import("node:http");',
      'export { join } from "node:path";',
    ];
    expect(others.map(askForBuiltins)).toEqual(others);
  });
});
