/** Connections on which TLS never comes to be, and a reload that is asked for too early. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join, resolve } from "node:path";
import { afterEach, expect, it } from "vitest";
import { temporaryDirectory } from "../support/directory.ts";
import { isAlive, startWorkers, type Workers } from "../support/workers.ts";

const servers: Workers[] = [];
const sockets: Socket[] = [];
const patient = { timeout: 30_000 };

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const server of servers.splice(0)) {
    const { supervisor } = server.processes();
    if (isAlive(supervisor)) process.kill(supervisor, "SIGKILL");
    await server.ended;
  }
});

/** A connection that says this and nothing more; whether it was cut. */
function silent(server: Workers, first: string): () => boolean {
  let isCut = false;
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1", () => socket.write(first));
  sockets.push(socket);
  for (const event of ["close", "end", "error"]) socket.on(event, () => (isCut = true));
  return () => isCut;
}

/** Whether a process has a handler for a signal. */
function isCaught(pid: number, signal: number): boolean {
  const [, caught = "0"] = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return ((BigInt(`0x${caught}`) >> BigInt(signal - 1)) & 1n) === 1n;
}

// The beginning of a ClientHello, and nothing at all.
it.each(["", "\u0016\u0003\u0001"])(
  "silence after %j is cut, and others are served",
  { timeout: 60_000 },
  async (first) => {
    const server = await startWorkers([
      ...["--set", "limits.headersTimeout=1s", "--set", "limits.connections=10"],
    ]);
    servers.push(server);
    const cut = Array.from({ length: 60 }, () => silent(server, first));
    await expect.poll(() => cut.every((each) => each()), patient).toBe(true);
    // Nobody closes on this side: what the server keeps would count against its bound.
    await expect.poll(() => server.status("/readyz"), patient).toBe(200);
  },
);

it("a reload that is asked for while the server starts does not end it", { timeout: 60_000 }, async () => {
  const folder = temporaryDirectory();
  const ready = join(folder, "ready.json");
  const main = resolve(import.meta.dirname, "../../src/main.ts");
  const data = join(folder, "data");
  const args = ["serve", "--data", data, "--port", "0", "--ready-file", ready];
  const child = spawn(process.execPath, [main, ...args], { stdio: "ignore" });
  const ended = once(child, "exit");
  // The platform's first moments are nobody's. Then it listens to the signal, long before there is anything to reload.
  await expect.poll(() => isCaught(child.pid ?? 0, 1), { ...patient, interval: 5 }).toBe(true);
  expect(existsSync(data)).toBe(false);
  while (!existsSync(ready) && child.exitCode === null && child.signalCode === null) {
    child.kill("SIGHUP");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect([child.exitCode, child.signalCode]).toEqual([null, null]);
  child.kill("SIGTERM");
  expect((await ended)[0]).toBe(0);
});
