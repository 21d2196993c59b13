/** The demonstration as people start it, with and without the stock client. */
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { temporaryDirectory } from "./support/directory.ts";

const script = resolve(import.meta.dirname, "../demo/main.ts");

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function demo(directory: string, path: string, stopAt?: string): Promise<Ended> {
  const child = spawn(process.execPath, [script], {
    env: { PATH: path, TMPDIR: directory, LANG: "C" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const read = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => {
    read.stdout += chunk.toString();
    if (stopAt !== undefined && read.stdout.includes(stopAt)) child.kill("SIGTERM");
  });
  child.stderr.on("data", (chunk: Buffer) => {
    read.stderr += chunk.toString();
  });
  return new Promise((done) => child.once("close", (code) => done({ code, ...read })));
}

function emptyPath(directory: string): string {
  const path = join(directory, "bin");
  mkdirSync(path);
  return path;
}

it("tells its story in plain text, ends with 0 and leaves nothing behind", async () => {
  const directory = temporaryDirectory();
  const { code, stdout, stderr } = await demo(directory, emptyPath(directory));
  expect(stderr).toBe("");
  expect(code).toBe(0);
  expect(stdout).toMatch(/ok +linuxkit\/kernel +4\.9\.x +sha256:1631c1ceea2/);
  expect(stdout).toMatch(/ok +tampered .* 400 +INVALID_UPDATE +THRESHOLD/);
  expect(stdout).toMatch(/ok +rolled back .* 400 +VERSION +ROLLBACK/);
  expect(stdout).toMatch(/ok +below threshold .* 400 +INVALID_UPDATE +THRESHOLD/);
  expect(stdout).toContain("The notary program is not installed here");
  expect(stdout).toMatch(/ok +10 of 10 images stand in sshd\.locked\.yml with the digest that was signed/);
  expect(stdout).toMatch(/FROM linuxkit\/kernel:4\.9\.x@sha256:1631c1ceea20\.\. AS kernel/);
  expect(stdout).toMatch(/ok +the expired signature is refused/);
  expect(stdout).toMatch(/ok +the forged file is refused/);
  expect(stdout).toMatch(/ok +exit code 30, that of the worst/);
  expect(stdout).toMatch(/ok +nothing was written/);
  expect(stdout).toContain("Everything was as told.");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the very thing that must not be there
  expect(stdout).not.toMatch(/\x1b|[^\x00-\x7f]/);
  expect(readdirSync(directory)).toEqual(["bin"]);
});

it("cleans up when it is interrupted", async () => {
  const directory = temporaryDirectory();
  const { code, stderr } = await demo(directory, emptyPath(directory), "CA ");
  expect(code).toBe(1);
  expect(stderr).toContain("SIGTERM");
  expect(readdirSync(directory)).toEqual(["bin"]);
});
