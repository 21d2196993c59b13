/**
 * Plays the blocks of a page as its reader would, one after the other, each in a shell of its own.
 *
 * The scratch directory looks like a clone: it holds everything of the tree by links, and whatever the page makes
 * beside it. It is also the reader's home, and Vidimus is installed there. `127.0.0.1:4443` in a block is the server that runs beside it.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Block } from "../../tools/markdown.ts";

const root = resolve(import.meta.dirname, "../..");
const secondsForBlock = 120;
/** Where the programs of a reader's own lie. */
const installed = "home/bin";

export interface Scratch {
  readonly directory: string;
  /** Host and port of the server whose data lie in `data` of the directory. */
  readonly server: string | undefined;
  /** Folders of programs that come before all others. */
  readonly programs: readonly string[];
}

/** Makes what a clone has, in an empty directory. */
export function linkTree(directory: string): void {
  for (const name of readdirSync(root)) {
    if (name !== ".git" && name !== "data") symlinkSync(join(root, name), join(directory, name));
  }
  mkdirSync(join(directory, installed), { recursive: true });
  symlinkSync(join(root, "bin/vidimus.js"), join(directory, installed, "vidimus"));
}

/** The exit code and all that was printed. */
export function play(
  block: Block,
  { directory, server, programs }: Scratch,
): { code: number | null; output: string } {
  const home = join(directory, "home");
  mkdirSync(home, { recursive: true });
  const text = server === undefined ? block.text : block.text.replaceAll("127.0.0.1:4443", server);
  const { status, stdout, stderr } = spawnSync("sh", ["-eu", "-c", text], {
    cwd: directory,
    env: {
      HOME: home,
      PATH: [...programs, join(directory, installed), dirname(process.execPath), process.env.PATH].join(":"),
    },
    encoding: "utf8",
    input: "",
    timeout: secondsForBlock * 1_000,
    killSignal: "SIGKILL",
  });
  return { code: status, output: stdout + stderr };
}
