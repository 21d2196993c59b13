/**
 * An import that is cut off: kill -9 of the command, of the server that takes over, and a source that falls silent, each at any
 * step. What is there then is whole, repository by repository, and the same command brings the rest, the same to the byte.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { loadConfig } from "../../src/config.ts";
import { fsck } from "../../src/wire/fsck.ts";
import { type Ended, endOf } from "../support/child.ts";
import { everyVersion, withHistory } from "../support/moving.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { Chance, times } from "./support/chance.ts";
import { Daemon, type Running } from "./support/daemon.ts";
import { Shim } from "./support/shim.ts";

const launcher = resolve(import.meta.dirname, "../../bin/vidimus.js");
const names = ["example.test/one", "example.test/two", "example.test/three"];

let old: TestServer;
/** By name, every file that the old server has. */
let all: Map<string, Map<string, string>>;
/** Stands before the old server. */
let door: Server;
/** Requests that it lets through; after them, all connections break. */
let open = Number.POSITIVE_INFINITY;
let asked = 0;
const source = () => `http://127.0.0.1:${(door.address() as AddressInfo).port}`;

beforeAll(async () => {
  old = await startServer({ at: Date.now() });
  all = new Map();
  for (const name of names) {
    await withHistory(old, name);
    all.set(name, await everyVersion(old, name));
  }
  door = createServer((asking, answer) => {
    if (++asked > open) {
      asking.socket.destroy();
      return;
    }
    const { method, url, headers } = asking;
    const inner = request({ host: "127.0.0.1", port: old.port, method, path: url, headers }, (given) => {
      answer.writeHead(given.statusCode ?? 500, given.headers);
      given.pipe(answer);
    });
    inner.on("error", () => answer.destroy());
    inner.end();
  });
  door.listen(0, "127.0.0.1");
  await once(door, "listening");
});
afterAll(async () => {
  door.closeAllConnections();
  door.close();
  await old.close();
});

let daemon: Daemon;
let running: Running;
let home: string;
let shim: Shim;
beforeEach(async () => {
  [open, asked] = [Number.POSITIVE_INFINITY, 0];
  home = mkdtempSync(join(tmpdir(), "vidimus-operator-"));
  shim = new Shim(home);
});
afterEach(async () => {
  await daemon.dispose();
  shim.dispose();
  rmSync(home, { recursive: true, force: true });
});

async function freshServer(env: Readonly<Record<string, string>> = {}): Promise<void> {
  daemon = new Daemon();
  running = await daemon.start({ env });
}
/** At the same address, as the same command has it. */
async function startAgain(): Promise<void> {
  running = await daemon.start({ settings: { "server.port": String(running.port) } });
}

async function bring(step = 0): Promise<Ended> {
  shim.killAt(step);
  const argv = ["import", "notary", source(), "--server", `http://127.0.0.1:${running.port}`, "--json"];
  const child = spawn(process.execPath, [launcher, ...argv], {
    cwd: home,
    env: { PATH: process.env.PATH, HOME: home, ...shim.env() },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return await endOf(child);
}

/** What is here of a repository by the names of the old server's files; nothing for what is not. */
async function found(name: string): Promise<Map<string, string>> {
  const here = new Map<string, string>();
  for (const file of all.get(name)?.keys() ?? []) {
    const answer = await fetch(`http://127.0.0.1:${running.port}/v2/${name}/_trust/tuf/${file}.json`);
    const text = await answer.text();
    if (answer.status === 200) here.set(file, text);
  }
  return here;
}

/** Nothing is here that the old server has not, and of each repository its present and all roots, or nothing. */
async function expectWhole(): Promise<void> {
  for (const name of names) {
    const [theirs, mine] = [all.get(name) ?? new Map<string, string>(), await found(name)];
    if (mine.size === 0) continue;
    for (const [file, text] of mine) expect([name, file, text]).toEqual([name, file, theirs.get(file)]);
    const needed = [...theirs.keys()].filter((file) => !/^\d/.test(file) || file.endsWith(".root"));
    expect([name, needed.filter((file) => !mine.has(file))]).toEqual([name, []]);
  }
}

async function expectAll(): Promise<void> {
  for (const name of names) expect([name, await found(name)]).toEqual([name, all.get(name)]);
  const flags = [{ flag: "--data", key: "data", text: daemon.data }];
  const { config } = loadConfig({ flags, env: {}, readFile: () => "" });
  const damages: string[] = [];
  await fsck(config, { openKeys: true }, ({ code, sentence }) => damages.push(`${code} ${sentence}`));
  expect(damages).toEqual([]);
}

/**
 * An import that was cut off says one sentence; where something was reached, its document says so, and all that it tells of is here.
 * @param code that it ended with
 */
async function expectCutOff({ code: ended, out, err }: Ended, code: number): Promise<void> {
  expect([ended, err.trim().split("\n").length]).toEqual([code, 1]);
  if (out === "") return;
  const { cutOff, repositories } = JSON.parse(out) as {
    cutOff: { code: string };
    repositories: { repository: string; outcome: string; past: number }[];
  };
  expect(cutOff.code).toMatch(/^[A-Z_]+$/);
  for (const { repository, outcome, past } of repositories) {
    const isHere = outcome === "taken" || outcome === "further";
    const { size } = await found(repository);
    if (isHere) expect([repository, size > past]).toEqual([repository, true]);
  }
}

/** Brings the rest, and then nothing more. */
async function finish(): Promise<void> {
  const rest = await bring();
  expect([rest.code, rest.err]).toEqual([0, ""]);
  await expectAll();
  const { repositories } = JSON.parse((await bring()).out) as {
    repositories: { outcome: string; past: number }[];
  };
  expect(repositories.map(({ outcome, past }) => [outcome, past])).toEqual(names.map(() => ["same", 0]));
}

test("kill -9 of the command: what is there is whole, and the same command brings the rest", async () => {
  await freshServer();
  await finish();
  await daemon.dispose();
  await freshServer();
  expect((await bring()).code).toBe(0);
  const { steps } = shim;
  await daemon.dispose();
  const chance = new Chance("import");
  let killed = 0;
  for (let round = 0; round < times(3); round++) {
    await freshServer();
    try {
      // More than once in the same import.
      for (let each = 0; each < 2; each++) {
        if ((await bring(chance.between(1, steps))).code === null) killed++;
        await expectWhole();
      }
      await finish();
    } finally {
      await daemon.dispose();
    }
  }
  console.info(`import: ${steps} steps, killed ${killed} times`);
  expect(killed).toBeGreaterThanOrEqual(times(3));
});

test("kill -9 of the server that takes over: it has what it said it has, and the same command brings the rest", async () => {
  const ofServer = new Shim(tmpdir());
  await freshServer(ofServer.env());
  ofServer.killAt(0);
  expect((await bring()).code).toBe(0);
  const { steps } = ofServer;
  await daemon.dispose();
  const chance = new Chance("import, server");
  let killed = 0;
  for (let round = 0; round < times(3); round++) {
    ofServer.killAt(0);
    await freshServer(ofServer.env());
    try {
      ofServer.killAt(chance.between(1, Math.floor(steps * 0.9)));
      const cutOff = await bring();
      await running.kill();
      await startAgain();
      if (cutOff.code !== 0) {
        killed++;
        await expectCutOff(cutOff, exitCodes.importServer.code);
      }
      await expectWhole();
      await finish();
    } finally {
      await daemon.dispose();
    }
  }
  ofServer.dispose();
  console.info(`import: ${steps} steps of the server, killed ${killed} times`);
  expect(killed).toBeGreaterThan(0);
});

test("a source that falls silent: it ends the import with its code, and the same command brings the rest", async () => {
  await freshServer();
  expect((await bring()).code).toBe(0);
  const whole = asked;
  await daemon.dispose();
  const chance = new Chance("import, source");
  for (let round = 0; round < times(2); round++) {
    await freshServer();
    try {
      [open, asked] = [chance.between(1, whole - 1), 0];
      await expectCutOff(await bring(), exitCodes.importSource.code);
      await expectWhole();
      open = Number.POSITIVE_INFINITY;
      await finish();
    } finally {
      await daemon.dispose();
    }
  }
});
