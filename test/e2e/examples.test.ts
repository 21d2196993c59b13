/** What the examples say before they ask anybody. What they build is in test/interop/client/examples.test.ts. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "../support/directory.ts";

const examples = resolve(import.meta.dirname, "../../examples");
const library = [process.execPath, join(examples, "builder.ts")] as const;
const shell = ["/bin/sh", join(examples, "builder.sh")] as const;

function run([program, script]: readonly [string, string], args: readonly string[], cwd: string) {
  try {
    const env = { PATH: process.env.PATH, HOME: cwd, VIDIMUS_CLIENT: "false" };
    execFileSync(program, [script, ...args], { cwd, env, stdio: "pipe", timeout: 30_000 });
    return { code: 0, said: "" };
  } catch (error) {
    const { status, stderr } = error as { status: number; stderr: Buffer };
    return { code: status, said: String(stderr) };
  }
}

describe("a directory that is there already", () => {
  it.each([
    ["the library's builder", library, 1],
    ["the shell's builder", shell, 2],
  ] as const)("is refused by %s before anything is asked, and left alone", (_, builder, code) => {
    const cwd = temporaryDirectory();
    mkdirSync(join(cwd, "rootfs"));
    const result = run(builder, ["registry.example.test/app:1", "rootfs"], cwd);
    expect(result).toEqual({ code, said: expect.stringMatching(/there (?:already|yet)/) });
    expect(readdirSync(cwd)).toEqual(["rootfs"]);
  });
});

it("the shell's builder says how it is called", () => {
  expect(run(shell, [], temporaryDirectory())).toEqual({
    code: 2,
    said: expect.stringContaining("IMAGE DIRECTORY"),
  });
});
