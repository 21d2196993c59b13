/**
 * The launcher on every Node there is: the one that runs the tests, the same one made to look like Node 20 (no
 * `execve`, so that it starts another process), and whatever else the machine has on its PATH.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";

const project = resolve(import.meta.dirname, "../..");
let directory: string;
const children: ChildProcess[] = [];

/** Stands in for the server: says what it is, stays until a signal, ends with a code of its own. */
const standIn = `
import { readSync, writeFileSync } from "node:fs";
const [mode, file] = process.argv.slice(2);
if (mode === "describe") {
  const { pid, version, execArgv, env } = process;
  console.log(JSON.stringify({ pid, version, execArgv, nodeOptions: env.NODE_OPTIONS ?? null }));
  process.exit(7);
}
if (mode === "--secret=fd:5" || mode.startsWith("--passphrase-fd")) {
  const buffer = Buffer.alloc(100);
  console.log(buffer.toString("utf8", 0, readSync(5, buffer)));
  process.exit(0);
}
if (mode === "die") process.kill(process.pid, "SIGKILL");
process.on("disconnect", () => process.exit(9));
process.on("SIGTERM", () => { writeFileSync(file + ".stopped", "SIGTERM"); process.exit(3); });
process.on("SIGHUP", () => writeFileSync(file + ".hup", "SIGHUP"));
setInterval(() => {}, 1000);
writeFileSync(file, String(process.pid));
`;

const looksLike = (version: string, arch: string) => `
Object.defineProperty(process, "versions", { value: { ...process.versions, node: "${version}" } });
Object.defineProperty(process, "arch", { value: "${arch}" });
process.execve = undefined;
`;

beforeAll(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "vidimus-launch-")));
  cpSync(join(project, "bin"), join(directory, "bin"), { recursive: true });
  cpSync(join(project, "package.json"), join(directory, "package.json"));
  symlinkSync(join(project, "node_modules"), join(directory, "node_modules"));
  mkdirSync(join(directory, "src"));
  writeFileSync(join(directory, "src", "main.ts"), standIn);
  writeFileSync(join(directory, "old.cjs"), looksLike("20.19.0", process.arch));
  writeFileSync(join(directory, "alone.cjs"), looksLike("20.19.0", "pdp11"));
  writeFileSync(join(directory, "ancient.cjs"), looksLike("0.10.48", "pdp11"));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const onPath = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, "node"));
const others = [...new Set(onPath.filter((path) => existsSync(path)).map((path) => realpathSync(path)))]
  .filter((path) => path !== realpathSync(process.execPath))
  .map((path) => ({ name: path, node: path, args: () => [] as string[] }));

const runtimes = [
  { name: "the present Node", node: process.execPath, args: () => [] as string[] },
  {
    name: "a Node that looks like 20",
    node: process.execPath,
    args: () => ["-r", join(directory, "old.cjs")],
  },
  ...others,
];

function launch(node: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): ChildProcess {
  const child = spawn(node, args, { cwd: directory, env, stdio: ["ignore", "ignore", "pipe"] });
  children.push(child);
  return child;
}

const ended = (child: ChildProcess): Promise<{ code: number | null; signal: string | null }> =>
  new Promise((done) => child.once("exit", (code, signal) => done({ code, signal })));

async function content(file: string): Promise<string> {
  await expect.poll(() => existsSync(file) && readFileSync(file, "utf8"), { timeout: 10_000 }).toBeTruthy();
  return readFileSync(file, "utf8");
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe.each(runtimes)("$name", ({ node, args }) => {
  const launcher = () => [...args(), join(directory, "bin", "vidimus.js")];
  let counter = 0;
  const freshFile = () => join(directory, `${node.replaceAll("/", "_")}-${args().length}-${counter++}`);

  it("runs Node 24 or newer, with no inspector on SIGUSR1 and no NODE_OPTIONS, and mirrors the exit code", () => {
    const env = { ...process.env, NODE_OPTIONS: "--no-warnings" };
    const { status, stdout } = spawnSync(node, [...launcher(), "describe"], { env, encoding: "utf8" });
    const seen = JSON.parse(stdout) as { version: string; execArgv: string[]; nodeOptions: string | null };
    expect(Number.parseInt(seen.version.slice(1), 10)).toBeGreaterThanOrEqual(24);
    expect(seen).toMatchObject({ execArgv: ["--disable-sigusr1"], nodeOptions: null });
    expect(status).toBe(7);
  });

  it("mirrors death by a signal", () => {
    expect(spawnSync(node, [...launcher(), "die"]).signal).toBe("SIGKILL");
  });

  it("passes SIGTERM on and ends with the server's code", async () => {
    const file = freshFile();
    const child = launch(node, [...launcher(), "stay", file]);
    const pid = Number(await content(file));
    child.kill("SIGTERM");
    expect(await ended(child)).toEqual({ code: 3, signal: null });
    expect(isAlive(pid)).toBe(false);
  });

  it("passes SIGHUP on and goes on", async () => {
    const file = freshFile();
    const child = launch(node, [...launcher(), "stay", file]);
    await content(file);
    child.kill("SIGHUP");
    expect(await content(`${file}.hup`)).toBe("SIGHUP");
    expect(child.exitCode).toBeNull();
  });

  it("takes the server with it when it is killed", async () => {
    const file = freshFile();
    const child = launch(node, [...launcher(), "stay", file]);
    const pid = Number(await content(file));
    child.kill("SIGKILL");
    await expect.poll(() => isAlive(pid), { timeout: 5_000 }).toBe(false);
  });

  it("opens no inspector on SIGUSR1", async () => {
    const file = freshFile();
    const child = launch(node, [...launcher(), "stay", file]);
    const said: Buffer[] = [];
    child.stderr?.on("data", (chunk: Buffer) => said.push(chunk));
    const pid = Number(await content(file));
    child.kill("SIGUSR1");
    process.kill(pid, "SIGUSR1");
    child.kill("SIGHUP");
    await content(`${file}.hup`);
    expect(Buffer.concat(said).toString()).not.toContain("Debugger listening");
  });

  it.each([
    ["a secret's", ["--secret=fd:5"]],
    ["a passphrase's", ["--passphrase-fd", "5"]],
    ["a passphrase's, in one word,", ["--passphrase-fd=5"]],
  ])("hands %s file descriptor to the server", (_, flags) => {
    const file = freshFile();
    writeFileSync(file, "sealed");
    const descriptor = openSync(file, "r");
    const { stdout } = spawnSync(node, [...launcher(), ...flags], {
      stdio: ["ignore", "pipe", "inherit", "ignore", "ignore", descriptor],
      encoding: "utf8",
    });
    closeSync(descriptor);
    expect(stdout.trim()).toBe("sealed");
  });

  it("npm start, told to end, ends the server and leaves no orphan", async () => {
    const file = freshFile();
    const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH ?? ""}` };
    // The stand-in's first argument is the command that `npm start` gives.
    const child = launch("npm", ["start", "--", file], env);
    const pid = Number(await content(file));
    child.kill("SIGTERM");
    await ended(child);
    expect(isAlive(pid)).toBe(false);
    expect(readFileSync(`${file}.stopped`, "utf8")).toBe("SIGTERM");
  });
});

describe("an unsuitable runtime", () => {
  it.each(["alone.cjs", "ancient.cjs"])("gets one sentence and its exit code: %s", (preload) => {
    for (const program of ["vidimus.js", "node-path.js"]) {
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        ["-r", join(directory, preload), join(directory, "bin", program)],
        { encoding: "utf8" },
      );
      expect(status).toBe(exitCodes.runtime.code);
      expect(stdout).toBe("");
      expect(stderr).toMatch(/^Vidimus needs Node 24 or newer, [^\n]+\.\n$/);
    }
  });
});

describe("without sources", () => {
  let installed: string;
  const said = () => {
    const launcher = join(installed, "bin", "vidimus.js");
    return spawnSync(process.execPath, [launcher, "describe"], { encoding: "utf8" });
  };

  beforeAll(() => {
    installed = realpathSync(mkdtempSync(join(tmpdir(), "vidimus-installed-")));
    cpSync(join(project, "bin"), join(installed, "bin"), { recursive: true });
  });
  afterAll(() => rmSync(installed, { recursive: true, force: true }));

  it("runs what was built, with the same protection", () => {
    writeFileSync(join(installed, "package.json"), '{ "type": "module" }');
    mkdirSync(join(installed, "dist"));
    writeFileSync(join(installed, "dist", "main.js"), standIn);
    const { status, stdout } = said();
    expect(JSON.parse(stdout)).toMatchObject({ execArgv: ["--disable-sigusr1"], nodeOptions: null });
    expect(status).toBe(7);
  });

  it("says who must do what when nothing was built", () => {
    rmSync(join(installed, "dist"), { recursive: true, force: true });
    expect(said()).toMatchObject({
      status: 1,
      stdout: "",
      stderr: expect.stringMatching(/^This package was packed [^\n]+\n$/),
    });
  });
});

it("a clone runs its sources, never what was once built from older ones", () => {
  mkdirSync(join(directory, "dist"));
  writeFileSync(join(directory, "dist", "main.js"), "process.exit(99);");
  const launcher = join(directory, "bin", "vidimus.js");
  expect(spawnSync(process.execPath, [launcher, "describe"]).status).toBe(7);
});

it("bin/node-path.js prints the present Node when it is suitable", () => {
  const { stdout } = spawnSync(process.execPath, [join(directory, "bin", "node-path.js")], {
    encoding: "utf8",
  });
  expect(stdout.trim()).toBe(process.execPath);
});
