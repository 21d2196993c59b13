/** What packing the server gives, with nothing built beforehand. The installed package: tools/server-install.sh. */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { beforeEach, expect, it } from "vitest";
import { temporaryDirectory } from "../support/directory.ts";

const project = resolve(import.meta.dirname, "../..");
let clone: string;

/** As much of a clone as packing reads. */
beforeEach(() => {
  clone = temporaryDirectory();
  for (const name of ["bin", "migrations", "src", "tools", "package.json", "tsconfig.json", ".npmrc"]) {
    cpSync(join(project, name), join(clone, name), { recursive: true });
  }
  symlinkSync(join(project, "node_modules"), join(clone, "node_modules"));
});

/** Packs, and unpacks what came of it. */
function unpacked(...command: string[]): string {
  const out = join(clone, "out");
  mkdirSync(out);
  execFileSync("npm", [...command, "--silent", "--pack-destination", out], { cwd: clone, stdio: "ignore" });
  const [name = ""] = readdirSync(out);
  execFileSync("tar", ["-xzf", name], { cwd: out });
  return join(out, "package");
}

it("npm run pack:server builds what it packs, although this clone lets no package run scripts", {
  timeout: 180_000,
}, () => {
  const place = unpacked("run", "pack:server", "--");
  expect(existsSync(join(place, "dist", "main.js"))).toBe(true);
  expect(existsSync(join(place, "migrations", "sqlite", "0001_store.sql"))).toBe(true);
  expect(existsSync(join(place, "src"))).toBe(false);
});

it("what npm pack alone makes, which builds nothing here, refuses to run and says how to pack it", () => {
  const place = unpacked("pack");
  expect(existsSync(join(place, "dist"))).toBe(false);
  const { status, stderr } = spawnSync(process.execPath, [join(place, "bin", "vidimus.js"), "version"], {
    encoding: "utf8",
  });
  expect(status).toBe(1);
  expect(stderr).toBe(
    "This package was packed before it was built: pack it again with npm run pack:server.\n",
  );
});
