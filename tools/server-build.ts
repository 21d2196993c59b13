/**
 * Builds what the server's package runs: JavaScript from `src`, into `dist`, laid out alike.
 *
 *   node tools/server-build.ts
 *
 * - What `src/main.ts` and the program of its threads lead to, and nothing else. It is compiled and not bundled: dependencies stay packages of their
 *   own with their hashes, and a stack names the file that the sources have.
 * - `dist` is made anew, and beside `src`, so that what a file finds by its own place (package.json, the migrations) is
 *   found from there too.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./findings.ts";

const dist = join(root, "dist");

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
const config = join(dist, "tsconfig.json");
writeFileSync(
  config,
  JSON.stringify({
    extends: "../tsconfig.json",
    compilerOptions: { rootDir: "../src", outDir: ".", noEmit: false, noEmitOnError: true },
    files: ["../src/main.ts", "../src/wire/reading-thread.ts"],
    include: [],
  }),
);
execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", config], {
  stdio: ["ignore", "inherit", "inherit"],
});
rmSync(config);
