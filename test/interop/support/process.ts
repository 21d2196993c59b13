/**
 * Other people's programs as child processes: run to the end, or kept running until stopped.
 *
 * Invariants: every child is bounded in time and in output; a child started here is ended here, by its
 * process id, also when this process exits early; waiting is always for a condition, with a limit.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

const mostOutputBytes = 4 * 1024 * 1024;
const pollMilliseconds = 20;

/** What a finished program left: its exit code and everything it wrote, as UTF-8. */
export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Standard input; empty and closed at once when absent. */
  readonly input?: string | Buffer;
  /** Killed after this many seconds; 60 when absent. */
  readonly seconds?: number;
}

export interface StartOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** File that receives both output streams. */
  readonly log: string;
  /** Asked again and again until it says true; an exception counts as "not yet". */
  readonly ready: () => boolean | Promise<boolean>;
  /** Most seconds from start to ready; 30 when absent. */
  readonly seconds?: number;
}

/** A server that answers. `stop` asks it to end, waits, and kills it only when it does not. */
export interface Running {
  readonly pid: number;
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGTERM");
});

/**
 * Runs a program to its end. A non-zero exit code is an answer, not an error.
 *
 * @throws when it cannot be started, is ended by a signal, outlives its time or writes too much.
 */
export function run(program: string, args: readonly string[], options: RunOptions): Promise<Result> {
  const seconds = options.seconds ?? 60;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: options.env, cwd: options.cwd, stdio: "pipe" });
    const output = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
    let bytes = 0;
    let failure: Error | undefined;
    const fail = (message: string) => {
      failure ??= new Error(`${program} ${args.join(" ")}: ${message}`);
      child.kill("SIGKILL");
    };
    const timer = setTimeout(() => fail(`not finished after ${seconds} s`), seconds * 1000);
    for (const name of ["stdout", "stderr"] as const) {
      child[name].on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > mostOutputBytes) fail(`more than ${mostOutputBytes} bytes of output`);
        else output[name].push(chunk);
      });
    }
    child.stdin.on("error", () => {}); // a program may end without reading what it was given
    child.stdin.end(options.input ?? "");
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const stdout = Buffer.concat(output.stdout).toString("utf8");
      const stderr = Buffer.concat(output.stderr).toString("utf8");
      if (failure) reject(new Error(`${failure.message}\n${stdout}${stderr}`));
      else if (code === null) reject(new Error(`${program} was ended by ${signal}`));
      else resolve({ code, stdout, stderr });
    });
  });
}

/**
 * Starts a program and waits until it is ready.
 *
 * @throws with the end of its log when it exits first or is not ready in time; it is not left running.
 */
export async function start(
  program: string,
  args: readonly string[],
  options: StartOptions,
): Promise<Running> {
  const log = openSync(options.log, "a"); // a file, not a pipe: it outlives this process
  const child = spawn(program, args, {
    env: options.env,
    cwd: options.cwd,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  running.add(child);
  let ended: string | undefined;
  const end = new Promise<void>((resolve) => {
    const finish = (how: string) => {
      ended ??= how;
      running.delete(child);
      resolve();
    };
    child.on("error", (error) => finish(error.message));
    child.on("exit", (code, signal) => finish(`ended with ${signal ?? code}`));
  });
  const stop = async () => {
    if (ended === undefined) child.kill("SIGTERM");
    const killer = setTimeout(() => child.kill("SIGKILL"), 15_000);
    await end;
    clearTimeout(killer);
  };
  try {
    await waitUntil(
      async () => {
        if (ended !== undefined) throw new Fatal(ended);
        return await options.ready();
      },
      options.seconds ?? 30,
      program,
    );
  } catch (error) {
    await stop();
    const tail = readFileSync(options.log, "utf8").slice(-2000);
    throw new Error(`${program} did not start: ${(error as Error).message}\n${tail}`);
  }
  return { pid: child.pid as number, stop };
}

/** Ends a wait at once instead of being asked again. */
class Fatal extends Error {}

/** Waits until the condition holds; an exception in it means "not yet". @throws when the time is over. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  seconds: number,
  what: string,
): Promise<void> {
  const last = Date.now() + seconds * 1000;
  for (;;) {
    try {
      if (await condition()) return;
    } catch (error) {
      if (error instanceof Fatal) throw error;
    }
    if (Date.now() > last) throw new Error(`${what}: condition not met after ${seconds} s`);
    await delay(pollMilliseconds);
  }
}

/** A port of 127.0.0.1 that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => {
        if (address === null || typeof address === "string") reject(new Error("no port"));
        else resolve(address.port);
      });
    });
  });
}
