/** `vidimus serve --workers N` as its users start it, what it says of its processes, and clients that share an order. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { Agent, get } from "node:https";
import { join, resolve } from "node:path";
import { vi } from "vitest";
import { facts } from "../../src/publisher/files.ts";
import { publishFirst, publishNext } from "./bare/collection.ts";
import { defaultLimits, exchange, repositoryPath, type TrustServer } from "./bare/exchange.ts";
import { bareKey, certificateKey, generatePrivateKey, makeRootCertificate } from "./bare/keys.ts";
import { temporaryDirectory } from "./directory.ts";

const launcher = resolve(import.meta.dirname, "../../bin/vidimus.js");
const year = 365 * 86_400_000;

export interface Processes {
  readonly supervisor: number;
  readonly writer: number | undefined;
  readonly readers: readonly number[];
}

export interface Workers extends TrustServer {
  readonly data: string;
  /** Of the separate listener. */
  readonly operations: string | undefined;
  readonly ended: Promise<number | null>;
  /** The log so far. */
  log(): string;
  /** Those that are there and ready. */
  processes(): Processes;
  /** Of an answer; 0 where none came. */
  status(path: string): Promise<number>;
}

/** False also for one that has ended and that nobody has asked about yet. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^\d+ \(.*\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" && !existsSync("/proc/self");
  }
}

let counter = 0;

/** Resolves when it is ready. `env`: variables beside those of this process. */
export async function startWorkers(
  args: readonly string[],
  data = join(temporaryDirectory(), "data"),
  env: NodeJS.ProcessEnv = {},
): Promise<Workers> {
  const file = join(temporaryDirectory(), `ready-${counter++}.json`);
  const port = args.includes("--socket") ? [] : ["--port", "0"];
  const child = spawn(
    process.execPath,
    [launcher, "serve", "--data", data, ...port, "--ready-file", file, ...args],
    { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, ...env } },
  );
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  let over = false;
  const ended = once(child, "exit").then(([code]) => {
    over = true;
    return code as number | null;
  });
  // Its log comes another way than its file, and may be later; in it, every process stands before this line.
  const isReady = () => existsSync(file) && log.includes('"msg":"ready"');
  const settled = () => over || isReady() || Promise.reject(new Error(`It is not ready: ${log}`));
  try {
    await vi.waitFor(settled, { timeout: 60_000 });
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
  if (over) throw new Error(`The server ended: ${log}`);
  const ready = JSON.parse(readFileSync(file, "utf8")) as {
    readonly url: string;
    readonly pid: number;
    readonly ca?: string;
    readonly operations?: string;
  };
  // With a certificate of the operator there is no authority of the server's own.
  const ca = ready.ca === undefined ? "" : readFileSync(ready.ca, "utf8");
  const server: TrustServer = { url: ready.url, ca };
  return {
    ...server,
    data,
    operations: ready.operations,
    ended,
    log: () => log,
    processes() {
      const said = [...log.matchAll(/"process":"(reader|writer)","child":(\d+),"msg":"process is ready"/g)]
        .map(([, role, pid]) => ({ role, pid: Number(pid) }))
        .filter(({ pid }) => isAlive(pid));
      const of = (wanted: string) => said.filter(({ role }) => role === wanted).map(({ pid }) => pid);
      return { supervisor: ready.pid, writer: of("writer")[0], readers: of("reader") };
    },
    status: async (path) =>
      await exchange(server, "GET", path, { ...defaultLimits, time: 5_000 }).then(
        ({ status }) => status,
        () => 0,
      ),
  };
}

/** How a server ends that does not start. */
export async function ending(args: readonly string[]): Promise<{ code: number | null; stderr: string }> {
  const child = spawn(process.execPath, [launcher, "serve", ...args], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const [code] = await once(child, "close");
  return { code: code as number | null, stderr };
}

/** Publishes one repository, version after version, each on a connection of its own. */
export class Publisher {
  readonly repository: string;
  readonly #server: TrustServer;
  readonly #key = bareKey(generatePrivateKey("ecdsa"));
  /** Of the targets file: what was acknowledged, and what may be there. */
  acknowledged = 0;
  tried = 0;

  constructor(server: TrustServer, repository: string) {
    this.#server = server;
    this.repository = repository;
  }

  async first(): Promise<void> {
    const rootKey = generatePrivateKey("ecdsa");
    const root = certificateKey(rootKey, await makeRootCertificate(rootKey, this.repository, new Date()));
    const holders = { root: { keys: [root], threshold: 1 }, targets: { keys: [this.#key], threshold: 1 } };
    await publishFirst(this.#server, {
      repository: this.repository,
      holders,
      targets: targetsOf(1),
      rootExpires: Date.now() + year,
      targetsExpires: Date.now() + year,
    });
    this.acknowledged = this.tried = 1;
  }

  /** The version after `current`. Rejects with `ExchangeError`. */
  async next(current = this.acknowledged): Promise<void> {
    this.tried = Math.max(this.tried, current + 1);
    await publishNext(this.#server, {
      repository: this.repository,
      current,
      targets: targetsOf(current + 1),
      signers: [this.#key],
      expires: Date.now() + year,
    });
    this.acknowledged = current + 1;
  }
}

function targetsOf(version: number): Map<string, ReturnType<typeof facts>> {
  return new Map([["latest", facts(Buffer.from(`content ${version}`))]]);
}

/** A client with one connection that it keeps. */
export class KeepingClient {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #server: TrustServer;

  constructor(server: TrustServer) {
    this.#server = server;
  }

  /** The version of a role that is current, 0 if there is none. Rejects for any other answer. */
  version(repository: string, role: string): Promise<number> {
    return new Promise((resolveVersion, reject) => {
      const path = repositoryPath(repository, `${role}.json`);
      const { url, ca } = this.#server;
      const sent = get(`${url}${path}`, { ca, agent: this.#agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on("error", reject);
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          if (response.statusCode === 404) resolveVersion(0);
          else if (response.statusCode !== 200) reject(new Error(`${response.statusCode}: ${text}`));
          else resolveVersion((JSON.parse(text) as { signed: { version: number } }).signed.version);
        });
      });
      sent.setTimeout(20_000, () => sent.destroy(new Error("no answer within twenty seconds")));
      sent.on("error", reject);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** The order of all clients: what anybody has seen is the least that a look which begins later may see. */
export class SharedOrder {
  #highest = 0;
  looks = 0;
  readonly backwards: string[] = [];

  seen(version: number): void {
    this.#highest = Math.max(this.#highest, version);
  }

  async look(read: () => Promise<number>): Promise<void> {
    const least = this.#highest;
    const version = await read();
    if (version < least) this.backwards.push(`${version} after ${least}`);
    this.looks++;
    this.seen(version);
  }
}
