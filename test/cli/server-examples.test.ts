/**
 * The examples in the help of the commands for whoever runs a server, each played as it stands in a process of its own. Only what is
 * outside of the test's directory lies in it: `/var/lib`, `/etc/vidimus`, and the server of the examples, which is the one that they start.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { temporaryDirectory } from "../support/directory.ts";

const main = resolve(import.meta.dirname, "../../src/main.ts");
const directory = temporaryDirectory();
const at = (name: string) => join(directory, name);
const readyFile = at("ready.json");
let server: ChildProcess | undefined;

mkdirSync(at("lib"));
writeFileSync(at("backup-passphrase"), "a passphrase of some length\n", { mode: 0o600 });
writeFileSync(
  at("vidimus.yaml"),
  `data: ${at("lib/vidimus")}\nserver:\n  port: 0\naudit:\n  headFile: ${at("heads.jsonl")}\n`,
);

afterAll(async () => await stop());

async function run(...argv: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const options = { cwd: directory, env: { PATH: process.env.PATH, HOME: directory } };
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [main, ...argv], options);
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, err: stderr };
  }
}

async function examplesOf(command: string): Promise<readonly (readonly string[])[]> {
  const { out } = await run(...command.split(" "), "--help");
  const lines = [...out.matchAll(/^ {2}\$ vidimus (.+)$/gm)].map(([, line = ""]) => placed(line).split(" "));
  expect([command, lines.length]).not.toEqual([command, 0]);
  return lines;
}

/** What an example names is there in the test's world by another name. */
function placed(line: string): string {
  const { url = "", ca = "" } = existsSync(readyFile) ? JSON.parse(readFileSync(readyFile, "utf8")) : {};
  return line
    .replaceAll("/var/lib", at("lib"))
    .replaceAll("/etc/vidimus", directory)
    .replaceAll("https://trust.example", `${url} --ca ${ca}`);
}

async function start(argv: readonly string[]): Promise<void> {
  const given = argv.includes("--config") ? [] : ["--port", "0"];
  server = spawn(process.execPath, [main, ...argv, ...given, "--ready-file", readyFile], {
    cwd: directory,
    env: { PATH: process.env.PATH, HOME: directory },
    stdio: "ignore",
  });
  for (let times = 0; times < 300 && !existsSync(readyFile); times++) {
    if (server.exitCode !== null) throw new Error(`vidimus ${argv.join(" ")} ended with ${server.exitCode}`);
    await setTimeout(100);
  }
}

async function stop(): Promise<void> {
  if (server === undefined || server.exitCode !== null) return;
  server.kill("SIGTERM");
  const [code] = await once(server, "close");
  server = undefined;
  expect(code).toBe(0);
}

async function play(command: string, code: number = exitCodes.ok.code): Promise<string> {
  let said = "";
  for (const argv of await examplesOf(command)) {
    const ended = await run(...argv);
    expect({ argv, ...ended }).toMatchObject({ code });
    said += ended.out + ended.err;
  }
  return said;
}

describe("the examples of a server's commands", () => {
  it("run from its first start to its next secret", { timeout: 180_000 }, async () => {
    const [first = [], configured = []] = await examplesOf("serve");
    await start(first);
    await stop();
    expect(await play("config check")).toContain("good");
    await play("config show");
    expect(JSON.parse(await play("config schema"))).toMatchObject({ type: "object" });
    await start(configured);
    for (let times = 0; times < 100 && !existsSync(at("heads.jsonl")); times++) await setTimeout(100);
    await play("audit log");
    await play("audit verify");
    await play("fsck");
    await play("backup create");
    await play("backup verify");
    await play("backup restore");
    expect(existsSync(at("lib/restored/vidimus.sqlite"))).toBe(true);
    await stop();
    expect(await play("recover accept", exitCodes.ok.code)).toContain("not behind");
    await play("rekey");
    expect(await play("version")).toMatch(/^vidimus [0-9]/i);
  });
});
