/**
 * Base images made from this machine, so that none is pulled: the Node that runs the tests and its libraries, and for
 * building also npm, a shell, and the packages of the lock file as npm keeps them in its cache.
 *
 * The one to run on has no shell and nothing that is not needed: if the image works on it, it works on slimmer ones than
 * its default.
 */
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { run } from "../../interop/support/process.ts";
import { findProgram } from "../../interop/support/requirements.ts";
import type { Engine } from "./engine.ts";

const repository = resolve(import.meta.dirname, "../../..");
/** The caller's own, for npm has to reach the registry as it does for the caller. */
const env = Object.fromEntries(Object.entries(process.env).map(([name, value]) => [name, value ?? ""]));

/** Runs a program to its end, and gives what it printed. @throws unless it ends with 0. */
export async function succeed(program: string, args: readonly string[], cwd: string): Promise<string> {
  const { code, stdout, stderr } = await run(program, args, { env, cwd, seconds: 120 });
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}: ${stdout}${stderr}`);
  return stdout;
}

/** Puts a program and the libraries that it loads where they are looked for. */
export async function addProgram(rootFolder: string, program: string, place: string): Promise<void> {
  copy(realpathSync(program), join(rootFolder, place));
  await addLibraries(rootFolder, program);
}

/** Puts the libraries that a program loads where it looks for them. */
export async function addLibraries(rootFolder: string, program: string): Promise<void> {
  // A line of ldd: `libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x…)`, or the loader's path alone.
  const libraries = (await succeed("ldd", [program], "/")).matchAll(/(?:=> |^\s+)(\/\S+) \(/gm);
  for (const [, library = ""] of libraries) copy(realpathSync(library), join(rootFolder, library));
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  if (!existsSync(to)) copyFileSync(from, to);
}

/** Node alone. */
async function makeRuntime(folder: string): Promise<void> {
  await addProgram(folder, process.execPath, "usr/local/bin/node");
  mkdirSync(join(folder, "tmp"));
  chmodSync(join(folder, "tmp"), 0o1777);
}

/** Node, npm that asks no network, a shell. */
async function makeBuilder(folder: string): Promise<void> {
  await makeRuntime(folder);
  for (const program of ["sh", "env", "mkdir"]) {
    const path = findProgram(program);
    if (path === undefined) throw new Error(`${program} is missing`);
    await addProgram(folder, path, `bin/${program}`);
  }
  mkdirSync(join(folder, "usr/bin"));
  symlinkSync("/bin/env", join(folder, "usr/bin/env"));
  const npm = dirname(dirname(realpathSync(findProgram("npm") ?? "")));
  cpSync(npm, join(folder, "usr/local/lib/node_modules/npm"), { recursive: true });
  symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(folder, "usr/local/bin/npm"));
  await fillCache(folder);
}

async function fillCache(folder: string): Promise<void> {
  const clone = join(folder, "clone");
  mkdirSync(clone);
  for (const file of ["package.json", "package-lock.json", ".npmrc"]) {
    copyFileSync(join(repository, file), join(clone, file));
  }
  const cache = ["--cache", join(folder, "npm-cache")];
  await succeed("npm", ["ci", "--omit=dev", "--omit=optional", ...cache], clone);
  const registry = (await succeed("npm", ["config", "get", "registry"], clone)).trim();
  mkdirSync(join(folder, "usr/local/etc"), { recursive: true });
  writeFileSync(
    join(folder, "usr/local/etc/npmrc"),
    `offline=true\ncache=/npm-cache\nupdate-notifier=false\nregistry=${registry}\n`,
  );
}

/** Makes both images, and gives their names. `directory`: for what is made on the way. */
export async function importBases(
  engine: Engine,
  directory: string,
): Promise<{ readonly BASE: string; readonly BUILD_BASE: string }> {
  const names = { BASE: "vidimus-test/base:local", BUILD_BASE: "vidimus-test/build-base:local" } as const;
  const folders = { BASE: join(directory, "runtime"), BUILD_BASE: join(directory, "builder") } as const;
  await makeRuntime(folders.BASE);
  await makeBuilder(folders.BUILD_BASE);
  for (const which of ["BASE", "BUILD_BASE"] as const) {
    const folder = folders[which];
    await importImage(engine, folder, names[which], ["clone"]);
  }
  return names;
}

/** Makes an image of a folder, without some of what lies in it. The tar stands beside the folder meanwhile. */
export async function importImage(
  engine: Engine,
  folder: string,
  name: string,
  without: readonly string[] = [],
): Promise<void> {
  const tar = `${folder}.tar`;
  const entries = readdirSync(folder).filter((each) => !without.includes(each));
  await succeed("tar", ["-cf", tar, "--owner=0", "--group=0", "--numeric-owner", ...entries], folder);
  const [repo, tag] = name.split(":");
  const answer = (await engine.importImage(tar, { repo, tag })) as NodeJS.ReadableStream;
  let said = "";
  for await (const chunk of answer) said += String(chunk);
  rmSync(tar);
  if (/"error"/.test(said)) throw new Error(`the image was not taken: ${said}`);
}
