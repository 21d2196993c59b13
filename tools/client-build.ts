/**
 * Builds the client's package: what `client/package.json` names, from `src`, into `client/dist`.
 *
 *   node tools/client-build.ts          # builds
 *   node tools/client-build.ts --api    # builds, and writes the API reports that `check:client` compares
 *
 * - `dist` is laid out like `src` and holds what the entries lead to, nothing else; declarations only as far as the
 *   entries' own lead. The compiler leaves `.ts` in them, which not every compiler of a reader follows: it becomes `.js`.
 * - An executable is bundled with everything that it needs. What is imported when it is needed stays in files of its
 *   own: in one file all of Node's modules would be loaded at once, which takes half as long again to start. It is not
 *   minified: that gains a millisecond, and costs whoever audits it or reads a stack trace more.
 * - Nothing is bundled that merely lies about: only what the manifest names, and the list of the executable.
 * - Everything in `dist` is made anew. The licence lies beside the manifest, where npm looks for it.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, posix } from "node:path";
import { rolldown } from "rolldown";
import { apiReport } from "./client-api.ts";
import { bundledOnly, placesOf } from "./client-dependencies.ts";
import { licencesOf } from "./client-licences.ts";
import {
  type ClientManifest,
  type Entry,
  entriesOf,
  executableSource,
  readClientManifest,
} from "./client-manifest.ts";
import { quickStart } from "./client-start.ts";
import { root } from "./findings.ts";
import { readLock } from "./lock.ts";
import { type Modules, reachable, readModule } from "./modules.ts";

const dist = join(root, "client/dist");

export async function buildClient(manifest: ClientManifest): Promise<void> {
  rmSync(dist, { recursive: true, force: true });
  mkdirSync(dist);
  const entries = entriesOf(manifest);
  compile(entries);
  finishDeclarations(entries);
  for (const [name, path] of Object.entries(manifest.bin)) await bundle(name, path, manifest);
  copyFileSync(join(root, "LICENSE"), join(root, "client/LICENSE"));
}

/** The compiler starts from the entries: what they do not lead to is not emitted. */
function compile(entries: readonly Entry[]): void {
  const config = join(dist, "tsconfig.json");
  const files = entries.map(({ path }) => `../../src/${path}.ts`);
  writeFileSync(config, JSON.stringify({ extends: "../tsconfig.json", files }));
  execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", config], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  rmSync(config);
}

function finishDeclarations(entries: readonly Entry[]): void {
  const declarations: Modules = new Map(
    readdirSync(dist, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".d.ts"))
      .map((path) => {
        // An import names a declaration by its source.
        const source = path
          .split("\\")
          .join("/")
          .replace(/\.d\.ts$/, ".ts");
        return [source, readModule(source, readFileSync(join(dist, path), "utf8"))];
      }),
  );
  const wanted = reachable(
    declarations,
    entries.map(({ path }) => `${path}.ts`),
  ).file;
  for (const [source, { text }] of declarations) {
    const path = join(dist, source.replace(/\.ts$/, ".d.ts"));
    if (wanted.has(source)) writeFileSync(path, withJavaScriptEndings(text));
    else rmSync(path);
  }
}

/** `from "./a.ts"` and `import("./a.ts")` with `.js`. */
export function withJavaScriptEndings(declaration: string): string {
  return declaration.replaceAll(/((?:\bfrom |^import |\bimport\()"\.\.?\/[^"\n]+)\.ts"/gm, '$1.js"');
}

async function bundle(name: string, path: string, { engines, dependencies }: ClientManifest): Promise<void> {
  const folder = posix.dirname(path);
  const build = await rolldown({
    input: { [posix.basename(path, ".js")]: join(root, executableSource) },
    platform: "node",
    cwd: root,
    plugins: [quickStart],
    // A native package for proxies that want Kerberos, which nobody gets from us.
    external: ["kerberos"],
    // What `debug` colours its lines with, if it happens to be there.
    resolve: { alias: { "supports-color": false } },
    transform: { target: `node${engines.node.replace(/^>=/, "")}` },
    onLog(_level, log) {
      throw new Error(`The bundle of ${name}: ${log.message}`);
    },
  });
  const { output } = await build.write({
    dir: join(root, "client", folder),
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "parts/[name].js",
    banner: (chunk) => (chunk.isEntry ? "#!/usr/bin/env node" : ""),
    // The notices are in a file of their own.
    comments: { legal: false },
  });
  await build.close();
  chmodSync(join(root, "client", path), 0o755);
  const modules = output.flatMap((each) => (each.type === "chunk" ? Object.keys(each.modules) : []));
  const lock = readLock(readFileSync(join(root, "package-lock.json"), "utf8"));
  const places = placesOf(lock, [...Object.keys(dependencies), ...bundledOnly]);
  writeFileSync(join(root, "client", folder, "THIRD-PARTY-LICENSES.txt"), licencesOf(root, modules, places));
}

if (import.meta.main) {
  const manifest = readClientManifest(root);
  await buildClient(manifest);
  console.log("built in client/dist; `npm pack ./client` packs it");
  if (process.argv.includes("--api")) {
    for (const entry of entriesOf(manifest)) {
      writeFileSync(join(root, "client", entry.report), apiReport(root, entry));
    }
  }
}
