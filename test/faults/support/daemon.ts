/**
 * The real server as a process of its own, started as its users start it, in a data directory that outlives it.
 *
 * It is ended by its own process ID only; `dispose` leaves neither process nor file behind.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Readable } from "node:stream";
import { type Line, lineTo } from "./watcher.ts";

const launcher = resolve(import.meta.dirname, "../../../bin/vidimus.js");

export interface DaemonOptions {
  /** Configuration keys beside data, port and plain HTTP. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** A program and its arguments that start the server's process, such as `prlimit --nofile=64`. */
  readonly within?: readonly string[];
  /** The instant that the server takes for now. */
  readonly now?: () => number;
}

/** One process, from start to end. */
export interface Running {
  readonly pid: number;
  readonly port: number;
  readonly line: Line;
  /** The newest part of what it has logged. */
  log(): string;
  /** Kills it at once. */
  kill(): Promise<void>;
  /** Ends it in good order; its exit code. */
  stop(): Promise<number | null>;
}

/** How a process ended that never became ready. */
export class NotStarted extends Error {
  readonly code: number | null;
  constructor(code: number | null, complaint: string) {
    super(`the server ended with ${code}: ${complaint}`);
    this.code = code;
  }
}

/** What is kept of a log. */
const logLength = 256 * 1024;

export class Daemon {
  readonly directory: string;
  readonly #options: DaemonOptions;
  readonly #running = new Set<Running>();

  constructor(options: DaemonOptions = {}, directory = mkdtempSync(join(tmpdir(), "vidimus-faults-"))) {
    this.directory = directory;
    this.#options = options;
  }

  get data(): string {
    return join(this.directory, "data");
  }

  /** Starts a process. Throws `NotStarted`. */
  async start(more: DaemonOptions = {}): Promise<Running> {
    const options = { ...this.#options, ...more };
    const settings = { "server.plainHttp": "true", "server.port": "0", ...options.settings };
    const args = Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
    const [program = process.execPath, ...before] = [...(options.within ?? []), process.execPath];
    const child = spawn(program, [...before, launcher, "serve", "--data", this.data, ...args], {
      cwd: this.directory,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let log = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      log = (log + text).slice(-logLength);
    });
    const ended = once(child, "close").then(([code]) => code as number | null);
    const url = await ready(child, ended);
    if (url === undefined) throw new NotStarted(await ended, log.trim());
    const isSecure = new URL(url).protocol === "https:";
    const ca = isSecure ? readFileSync(join(this.data, "tls", "ca.crt"), "utf8") : undefined;
    const line = lineTo(Number(new URL(url).port), options.now, ca);
    const end = async (signal: NodeJS.Signals) => {
      line.client.close();
      child.kill(signal);
      const code = await ended;
      this.#running.delete(running);
      return code;
    };
    const running: Running = {
      pid: child.pid ?? 0,
      port: Number(new URL(url).port),
      line,
      log: () => log,
      kill: async () => void (await end("SIGKILL")),
      stop: () => end("SIGTERM"),
    };
    this.#running.add(running);
    return running;
  }

  async dispose(): Promise<void> {
    for (const each of this.#running) await each.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Where it listens; undefined if it ended first. */
async function ready(
  child: ChildProcessByStdio<null, Readable, Readable>,
  ended: Promise<unknown>,
): Promise<string | undefined> {
  let printed = "";
  let over = false;
  const end = ended.then(() => {
    over = true;
  });
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    printed += text;
  });
  for (;;) {
    const url = /listens on (\S+)\n/.exec(printed)?.[1];
    if (url !== undefined || over) return url;
    await Promise.race([once(child.stdout, "data"), end]);
  }
}
