/** The whole program as its users start it: processes, files, exit codes. */
import { type ChildProcess, spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import type { IncomingMessage } from "node:http";
import { get, request } from "node:https";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";

const launcher = resolve(import.meta.dirname, "../../bin/vidimus.js");
let directory: string;
let servers: Server[];

interface Ready {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly ca: string;
  readonly fingerprint: string;
}

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Server {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "vidimus-e2e-"));
  servers = [];
});
afterEach(async () => {
  for (const { child } of servers) child.kill("SIGKILL");
  await Promise.all(servers.map(({ ended }) => ended));
  rmSync(directory, { recursive: true, force: true });
});

const data = () => join(directory, "data");

function vidimus(args: readonly string[], env: NodeJS.ProcessEnv = {}): Server {
  const child = spawn(process.execPath, [launcher, ...args], {
    cwd: directory,
    env: { ...process.env, ...env },
  });
  const read = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => {
    read.stdout += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    read.stderr += chunk.toString();
  });
  const ended = new Promise<Ended>((done) => child.once("close", (code) => done({ code, ...read })));
  const server = { child, ended };
  servers.push(server);
  return server;
}

let counter = 0;
async function start(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Server & Ready> {
  const file = join(directory, `ready-${counter++}.json`);
  const server = vidimus(["serve", "--data", data(), "--port", "0", "--ready-file", file, ...args], env);
  let failed: Ended | undefined;
  void server.ended.then((ended) => {
    failed = ended;
  });
  await expect.poll(() => existsSync(file) || failed, { timeout: 20_000 }).toBeTruthy();
  if (!existsSync(file)) throw new Error(`the server ended: ${failed?.stderr}`);
  return { ...server, ...(JSON.parse(readFileSync(file, "utf8")) as Ready) };
}

function status({ url, ca }: Ready, path: string): Promise<number | undefined> {
  return new Promise((done, reject) => {
    get(`${url}${path}`, { ca: readFileSync(ca), agent: false }, (response) => {
      response.resume();
      done(response.statusCode);
    }).on("error", reject);
  });
}

async function stop(server: Server): Promise<Ended> {
  server.child.kill("SIGTERM");
  return await server.ended;
}

describe("start", () => {
  it("makes what it needs and answers over HTTPS", async () => {
    const server = await start();
    expect(await status(server, "/v2/")).toBe(200);
    expect(await status(server, "/livez")).toBe(200);
    expect(statSync(data()).mode & 0o777).toBe(0o700);
    expect(statSync(join(data(), "kek")).mode & 0o777).toBe(0o600);
    expect((await stop(server)).stdout).toContain(`export DOCKER_CONTENT_TRUST_SERVER=${server.url}\n`);
  });

  it("is healthy while it runs, and not afterwards", async () => {
    const server = await start();
    const healthcheck = async () => {
      const { port } = server;
      return await vidimus(["healthcheck", "--data", data(), "--port", String(port)]).ended;
    };
    expect(await healthcheck()).toMatchObject({ code: 0, stdout: "ready\n", stderr: "" });
    await stop(server);
    expect(await healthcheck()).toMatchObject({ code: exitCodes.noAnswer.code, stdout: "" });
  });

  it("writes the process ID of the server itself", async () => {
    const server = await start();
    process.kill(server.pid, "SIGTERM");
    expect((await server.ended).code).toBe(0);
  });

  it("reuses everything the second time", async () => {
    const first = await start();
    await stop(first);
    const secret = readFileSync(join(data(), "kek"), "utf8");
    const second = await start();
    expect(second.fingerprint).toBe(first.fingerprint);
    expect(readFileSync(join(data(), "kek"), "utf8")).toBe(secret);
  });

  it.runIf(existsSync("/dev/full"))("serves on and ends where its log cannot be written", async () => {
    const full = openSync("/dev/full", "w");
    const file = join(directory, "ready.json");
    const args = ["serve", "--data", data(), "--port", "0", "--ready-file", file, "--log-level", "debug"];
    const child = spawn(process.execPath, [launcher, ...args], { stdio: ["ignore", "ignore", full] });
    closeSync(full);
    const ended = new Promise<number | null>((done) => child.once("close", done));
    try {
      await expect.poll(() => existsSync(file), { timeout: 20_000 }).toBe(true);
      const ready = JSON.parse(readFileSync(file, "utf8")) as Ready;
      for (let i = 0; i < 20; i++) expect(await status(ready, "/livez")).toBe(200);
      child.kill("SIGTERM");
      expect(await ended).toBe(0);
    } finally {
      child.kill("SIGKILL");
      await ended;
    }
  });

  it("starts again after kill -9", async () => {
    const first = await start();
    process.kill(first.pid, "SIGKILL");
    await first.ended;
    expect(await status(await start(), "/readyz")).toBe(200);
  });

  it("removes the ready file of a killed server before it does anything, and not that of one that runs", async () => {
    const file = join(directory, "ready.json");
    const args = ["serve", "--data", data(), "--port", "0", "--ready-file", file];
    const first = vidimus(args);
    await expect.poll(() => existsSync(file), { timeout: 20_000 }).toBe(true);
    const second = vidimus(args);
    expect(await second.ended).toMatchObject({ code: exitCodes.running.code });
    expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ pid: first.child.pid });
    first.child.kill("SIGKILL");
    await first.ended;
    expect(existsSync(file)).toBe(true);
    // It gets no further than its certificate.
    const third = vidimus([...args, "--tls-certificate", join(directory, "none"), "--tls-key", "none"]);
    expect(await third.ended).toMatchObject({ code: exitCodes.tls.code });
    expect(existsSync(file)).toBe(false);
  });

  it("keeps metadata in memory when told so", async () => {
    expect(await status(await start(["--store", "memory"]), "/v2/")).toBe(200);
    expect(readdirSync(data())).not.toContain("vidimus.sqlite");
  });

  it("serves reads beside a server when it is read-only", async () => {
    const first = await start();
    const reader = await start(["--read-only"]);
    expect(await status(reader, "/v2/")).toBe(200);
    expect(reader.fingerprint).toBe(first.fingerprint);
  });

  it("refuses what would change something when it is read-only", async () => {
    await start();
    const reader = await start(["--read-only"]);
    const { statusCode, headers } = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = request(
        `${reader.url}/v2/a/b/_trust/tuf/`,
        { method: "DELETE", ca: readFileSync(reader.ca), agent: false },
        resolve,
      );
      sent.on("error", reject);
      sent.end();
    });
    expect([statusCode, headers["vidimus-code"]]).toEqual([405, "READ_ONLY"]);
  });
});

describe("failures are one sentence with the fix, and a code of their own", () => {
  async function failure(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ended> {
    const given = args.includes("--data") ? args : ["--data", data(), ...args];
    const ended = await vidimus(["serve", "--port", "0", ...given], env).ended;
    expect(ended.stdout).toBe("");
    expect(ended.stderr.trim().split("\n")).toHaveLength(1);
    return ended;
  }

  it("a second server on the same directory", async () => {
    await start();
    expect((await failure([])).code).toBe(exitCodes.running.code);
  });

  it("a port in use", async () => {
    const { port } = await start();
    const other = ["--data", join(directory, "other"), "--port", String(port)];
    const { code, stderr } = await failure(other);
    expect(code).toBe(exitCodes.listen.code);
    expect(stderr).toContain(`Port ${port} on 127.0.0.1 is in use`);
  });

  it("a data directory that cannot be made", async () => {
    writeFileSync(data(), "a file");
    expect((await failure([])).code).toBe(exitCodes.store.code);
  });

  it("a store that is none", async () => {
    await stop(await start());
    writeFileSync(
      join(data(), "vidimus.sqlite"),
      "not a database, but long enough to be looked at ".repeat(200),
    );
    expect((await failure([])).code).toBe(exitCodes.store.code);
  });

  it("a store without the record that its keys are sealed under", async () => {
    const server = await start();
    expect(await status(server, "/v2/a/b/_trust/tuf/timestamp.key")).toBe(200);
    await stop(server);
    const store = new Database(join(data(), "vidimus.sqlite"));
    store.exec("DELETE FROM keyring");
    store.close();
    const secret = readFileSync(join(data(), "kek"), "utf8");
    expect((await failure([])).code).toBe(exitCodes.store.code);
    expect(readFileSync(join(data(), "kek"), "utf8")).toBe(secret);
  });

  it("a store that was emptied, beside the secret of the one before", async () => {
    await stop(await start());
    truncateSync(join(data(), "vidimus.sqlite"));
    expect((await failure([])).code).toBe(exitCodes.store.code);
    expect(statSync(join(data(), "vidimus.sqlite")).size).toBe(0);
  });

  it("a store that is gone with its mark, while keys and certificates are left; --begin-anew makes a new one, once", async () => {
    await stop(await start());
    for (const name of readdirSync(data())) {
      if (name.startsWith("vidimus.sqlite") || name === "high-water-mark") rmSync(join(data(), name));
    }
    const before = readdirSync(data()).sort();
    const { code, stderr } = await failure([]);
    expect(code).toBe(exitCodes.store.code);
    expect(stderr).toMatch(/vidimus\.sqlite is not in .* where kek, tls\/ca\.key, .*--begin-anew/);
    expect(readdirSync(data()).sort()).toEqual(before);
    const secret = readFileSync(join(data(), "kek"), "utf8");
    const server = await start(["--begin-anew"]);
    expect(await status(server, "/readyz")).toBe(200);
    await stop(server);
    expect(readFileSync(join(data(), "kek"), "utf8")).toBe(secret);
    expect((await failure(["--begin-anew"])).code).toBe(exitCodes.store.code);
    await stop(await start());
  });

  it("a lost CA", async () => {
    await stop(await start());
    const file = join(data(), "tls", "ca.crt");
    rmSync(file);
    const { code, stderr } = await failure([]);
    expect(code).toBe(exitCodes.tls.code);
    expect(stderr).toContain(`The CA ${file} is missing`);
  });

  it("a TLS certificate that is empty", async () => {
    writeFileSync(join(directory, "c.pem"), "");
    const tls = ["--tls-certificate", join(directory, "c.pem"), "--tls-key", join(directory, "c.pem")];
    expect((await failure(tls)).code).toBe(exitCodes.tls.code);
    expect(existsSync(data())).toBe(true);
    expect(readdirSync(data())).toEqual([]);
  });

  it("a lost secret", async () => {
    await stop(await start());
    rmSync(join(data(), "kek"));
    expect((await failure([])).code).toBe(exitCodes.signer.code);
  });

  it("a wrong secret, which is not repeated", async () => {
    await stop(await start());
    const canary = "canary-passphrase-7f3a9c";
    const { code, stderr } = await failure(["--signer-secret", "env:CANARY"], { CANARY: canary });
    expect(code).toBe(exitCodes.signer.code);
    expect(stderr).not.toContain(canary);
  });

  it("a file to be written that is the server's own, which stays as it was", async () => {
    await stop(await start());
    const own = ["vidimus.sqlite", "kek", "tls/ca.key", "high-water-mark"];
    const whole = own.map((name) => readFileSync(join(data(), name)));
    for (const name of own) {
      const { code, stderr } = await failure(["--ready-file", join(data(), name)]);
      expect([code, stderr]).toEqual([exitCodes.configuration.code, expect.stringContaining("--ready-file")]);
    }
    for (const key of ["store.highWaterMark", "audit.headFile"]) {
      const { code } = await failure(["--set", `${key}=${join(data(), "vidimus.sqlite")}`]);
      expect(code).toBe(exitCodes.configuration.code);
    }
    expect(own.map((name) => readFileSync(join(data(), name)))).toEqual(whole);
  });

  it("a bad configuration", async () => {
    expect((await failure(["--set", "server.prot=1"])).code).toBe(exitCodes.configuration.code);
  });
});

it("no secret is ever printed, at the lowest level, from start to end", async () => {
  const canary = "canary-passphrase-7f3a9c";
  const server = await start(["--log-level", "trace", "--signer-secret", "env:CANARY"], { CANARY: canary });
  expect(await status(server, "/v2/a/b/_trust/tuf/timestamp.key")).toBe(200);
  const { stdout, stderr } = await stop(server);
  expect(stderr).toContain('"msg":"ready"');
  expect(stdout + stderr).not.toContain(canary);
});

it("goes on when nobody reads its output", async () => {
  const file = join(directory, "ready.json");
  const server = vidimus(["serve", "--data", data(), "--port", "0", "--ready-file", file]);
  server.child.stdout?.destroy();
  server.child.stderr?.destroy();
  await expect.poll(() => existsSync(file), { timeout: 20_000 }).toBe(true);
  await expect.poll(() => readFileSync(file, "utf8")).toContain("url");
  expect(await status(JSON.parse(readFileSync(file, "utf8")) as Ready, "/livez")).toBe(200);
  expect((await stop(server)).code).toBe(0);
});

it("SIGUSR1 does not open an inspector in the server", async () => {
  const server = await start();
  process.kill(server.pid, "SIGUSR1");
  expect(await status(server, "/livez")).toBe(200);
  expect((await stop(server)).stderr).not.toContain("Debugger listening");
});
