/** `vidimus` as a process of its own, in an empty home, with what it wrote and how much memory it took. */
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Ended, endOf } from "./child.ts";

const main = resolve(import.meta.dirname, "../../src/main.ts");

export interface Measured extends Ended {
  /** Bytes that the process held at most. */
  readonly memory: number;
  /** Names of temporary files that it left behind. */
  readonly left: readonly string[];
}

export async function vidimus(...args: readonly string[]): Promise<Measured> {
  const home = mkdtempSync(join(tmpdir(), "vidimus-test-"));
  const told = join(home, "memory");
  const temporary = join(home, "temporary");
  mkdirSync(temporary);
  const telling = `import{writeFileSync}from"node:fs";process.on("exit",()=>writeFileSync(${JSON.stringify(told)},String(process.resourceUsage().maxRSS)))`;
  const loaded = `data:text/javascript,${encodeURIComponent(telling)}`;
  const child = spawn(process.execPath, ["--import", loaded, main, ...args], {
    cwd: home,
    env: { PATH: process.env.PATH, HOME: home, TMPDIR: temporary },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const { code, out, err } = await endOf(child);
  const memory = Number(readFileSync(told, "utf8")) * 1_024;
  const left = readdirSync(temporary);
  rmSync(home, { recursive: true, force: true });
  return { code, out, err, memory, left };
}
