/** What Node cannot run by stripping types, the type check refuses first; other test runners would run it. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const planted = {
  "enum.ts": "export enum Colour {\n  red,\n}\n",
  "parameter-property.ts": "export class Point {\n  constructor(readonly x: number) {}\n}\n",
  "namespace.ts": "export namespace shapes {\n  export const corners = 4;\n}\n",
};
const harmless = { "harmless.ts": "export const one: number = 1 satisfies number;\n" };

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "vidimus-types-"));
  writeFileSync(join(directory, "package.json"), '{ "type": "module" }');
  for (const [name, text] of Object.entries({ ...planted, ...harmless })) {
    writeFileSync(join(directory, name), text);
  }
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function typeCheck(file: string): { status: number | null; output: string } {
  const config = join(directory, `tsconfig.${file}.json`);
  const settings = { extends: join(root, "tsconfig.json"), compilerOptions: { types: [] }, include: [file] };
  writeFileSync(config, JSON.stringify(settings));
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const { status, stdout } = spawnSync(process.execPath, [compiler, "-p", config], { encoding: "utf8" });
  return { status, output: stdout };
}

function run(file: string) {
  return spawnSync(process.execPath, [join(directory, file)], { encoding: "utf8" });
}

describe("syntax that stripping cannot take away", () => {
  it.each(Object.keys(planted))("%s fails the type check", (file) => {
    const { status, output } = typeCheck(file);
    expect(output).toContain("TS1294");
    expect(status).not.toBe(0);
  });

  it.each(Object.keys(planted))("%s does not run", (file) => {
    const { status, stderr } = run(file);
    expect(stderr).toContain("ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX");
    expect(status).not.toBe(0);
  });
});

describe("other types", () => {
  it("pass the type check", () => {
    expect(typeCheck("harmless.ts")).toEqual({ status: 0, output: "" });
  });

  it("run", () => {
    expect(run("harmless.ts").status).toBe(0);
  });
});
