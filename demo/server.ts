/** The server of the demonstration: the whole program as its users start it, on a free port. */
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { TrustServer } from "../test/support/bare/exchange.ts";

export interface DemoServer extends TrustServer {
  /** Path of the authority's certificate, for stock clients. */
  readonly caFile: string;
  readonly fingerprint: string;
  /** Ends it; resolves to its exit code. */
  stop(): Promise<number | null>;
}

const launcher = resolve(import.meta.dirname, "../bin/vidimus.js");
const startTime = 30_000;
const stopTime = 15_000;
const longestLog = 65_536;

/** Data and log stay under `directory`. Throws with the end of the server's log if it does not become ready. */
export async function startServer(directory: string): Promise<DemoServer> {
  const readyFile = join(directory, "ready.json");
  const child = spawn(
    process.execPath,
    [
      launcher,
      ...["serve", "--data", join(directory, "data"), "--port", "0", "--ready-file", readyFile],
      ...["--set", "policy.allowExampleKeys=true"],
    ],
    { cwd: directory, env: { PATH: process.env.PATH, HOME: directory }, stdio: ["ignore", "ignore", "pipe"] },
  );
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-longestLog);
  });
  let code: number | null | undefined;
  const ended = new Promise<number | null>((done) => {
    const end = (status: number | null) => {
      code = status;
      done(status);
    };
    child.once("error", () => end(null));
    child.once("close", end);
  });
  for (const latest = Date.now() + startTime; !existsSync(readyFile); await sleep(20)) {
    if (code === undefined && Date.now() < latest) continue;
    child.kill("SIGKILL");
    throw new Error(`The server did not start:\n${log}`);
  }
  const ready = JSON.parse(readFileSync(readyFile, "utf8")) as {
    url: string;
    ca: string;
    fingerprint: string;
  };
  return {
    url: ready.url,
    ca: readFileSync(ready.ca, "utf8"),
    caFile: ready.ca,
    fingerprint: ready.fingerprint,
    async stop() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), stopTime);
      await ended;
      clearTimeout(timer);
      return code ?? null;
    },
  };
}
