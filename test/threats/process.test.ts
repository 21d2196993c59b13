/** What somebody on the same machine could make of the process that holds the keys (threats O1, O2, O3, O5, K3). */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { afterEach, describe, expect, it } from "vitest";
import { exitCodes } from "../../src/cli/exit-codes.ts";
import { dumpsCore, refuseNodeOptions } from "../../src/serve/runtime.ts";
import { createSealedRecord, openSealed } from "../../src/signer/sealed.ts";
import { passphraseSecret } from "../../src/signer/secret.ts";
import { temporaryDirectory } from "../support/directory.ts";

const repository = resolve(import.meta.dirname, "../..");
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((done) => child.once("exit", done));
      child.kill("SIGKILL");
      await ended;
    }
  }
});

interface Started {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly said: () => string;
}

function spawnNode(args: readonly string[], env: NodeJS.ProcessEnv = {}): Omit<Started, "pid"> {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
  }
  return { child, said: () => text };
}

const directly = [join(repository, "src/main.ts")];
const launched = [join(repository, "bin/vidimus.js")];

/** The whole server, ready. */
async function startServer(program: readonly string[], args: readonly string[] = []): Promise<Started> {
  const folder = temporaryDirectory();
  const ready = join(folder, "ready.json");
  const { child, said } = spawnNode([
    ...program,
    ...["serve", "--data", join(folder, "data"), "--port", "0", "--ready-file", ready, ...args],
  ]);
  await expect.poll(() => existsSync(ready) || child.exitCode, { timeout: 20_000 }).toBe(true);
  const { pid } = JSON.parse(readFileSync(ready, "utf8")) as { pid: number };
  return { child, pid, said };
}

/** How many addresses a process listens on. */
function listening(pid: number): number {
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((file) => {
      try {
        return [/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${file}`))?.[1] ?? ""];
      } catch {
        return []; // it was closed meanwhile
      }
    }),
  );
  return ["tcp", "tcp6"]
    .flatMap((kind) => readFileSync(`/proc/net/${kind}`, "utf8").split("\n"))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === "0A" && own.has(fields[9] ?? "")).length;
}

describe.runIf(process.platform === "linux")("on a signal", () => {
  it("the search for an inspector finds one where there is one", async () => {
    const { child, said } = spawnNode([
      "--inspect-port=0",
      "-e",
      "setInterval(() => {}, 1000); console.log('up')",
    ]);
    await expect.poll(said, { timeout: 10_000 }).toContain("up");
    child.kill("SIGUSR1");
    await expect.poll(said, { timeout: 10_000 }).toContain("Debugger listening");
    expect(listening(child.pid ?? 0)).toBe(1);
  });

  it.each([
    ["by the launcher", launched],
    ["by Node itself, without the flag", ["--inspect-port=0", ...directly]],
  ])("O1: SIGUSR1 opens no inspector in a server that was started %s", async (_how, program) => {
    const { child, pid, said } = await startServer(program);
    process.kill(pid, "SIGUSR1");
    process.kill(pid, "SIGUSR1");
    child.kill("SIGTERM");
    await expect.poll(() => child.exitCode, { timeout: 15_000 }).toBe(0);
    expect(said()).not.toContain("Debugger");
  });

  it("O1: a server listens on its own address and on no other, whatever it was sent", async () => {
    const { child, pid } = await startServer(launched);
    process.kill(pid, "SIGUSR1");
    expect(listening(pid)).toBe(1);
    child.kill("SIGHUP");
    process.kill(pid, "SIGUSR1");
    expect(listening(pid)).toBe(1);
  });
});

it("O2: a diagnostic report of the process would hold no environment", async () => {
  const folder = temporaryDirectory();
  const preload = join(folder, "report.cjs");
  const report = join(folder, "report.json");
  writeFileSync(
    preload,
    `process.on("SIGUSR2", () => require("fs").writeFileSync(${JSON.stringify(report)}, JSON.stringify(process.report.getReport())));`,
  );
  process.env.VIDIMUS_TEST_CANARY = "canary-in-the-environment";
  try {
    const { pid } = await startServer(["--require", preload, ...directly]);
    process.kill(pid, "SIGUSR2");
    await expect
      .poll(() => existsSync(report) && readFileSync(report, "utf8").endsWith("}"), { timeout: 10_000 })
      .toBe(true);
  } finally {
    delete process.env.VIDIMUS_TEST_CANARY;
  }
  const text = readFileSync(report, "utf8");
  expect(text.length).toBeGreaterThan(1_000);
  expect(text).not.toContain("canary-in-the-environment");
});

it.each([
  ["0", false],
  ["unlimited", true],
  ["1048576", true],
])("O2: a limit of %s for core dumps is understood", (soft, dumps) => {
  expect(
    dumpsCore(
      `Max stack size   8388608   unlimited   bytes\nMax core file size   ${soft}   unlimited   bytes\n`,
    ),
  ).toBe(dumps);
});

describe("O3: NODE_OPTIONS", () => {
  it.each([
    "--inspect",
    "--inspect-brk=0.0.0.0:9229",
    "--require ./x.cjs",
    "-r ./x.cjs",
    "--import=./x.mjs",
    "--experimental-loader ./x.mjs",
    "--heapsnapshot-signal=SIGUSR2",
    "--report-on-signal",
    "--heap-prof",
    "--tls-keylog=/tmp/keys",
    "--env-file=x",
    "--insecure-http-parser",
    "--max-old-space-size=100 --inspect",
    "'--inspect'",
    "--no-warnings\t--inspect",
    "anything",
  ])("%j is refused", (text) => {
    expect(() => refuseNodeOptions(text)).toThrow(expect.objectContaining({ code: "NOT_SAFE" }));
  });

  it.each([undefined, "", " ", "--max-old-space-size=512", "--no-warnings --enable-source-maps"])(
    "%j is accepted",
    (text) => {
      expect(() => refuseNodeOptions(text)).not.toThrow();
    },
  );

  it("O3: a server that is started with a harmful one ends before it opens anything", async () => {
    const data = join(temporaryDirectory(), "data");
    const env = { NODE_OPTIONS: "--stack-trace-limit=5 --heapsnapshot-signal=SIGUSR2" };
    const { child, said } = spawnNode([...directly, "serve", "--data", data, "--port", "0"], env);
    await expect.poll(() => child.exitCode, { timeout: 15_000 }).toBe(exitCodes.configuration.code);
    expect(said()).toMatch(/^NODE_OPTIONS holds --heapsnapshot-signal, [^\n]+\n$/);
    expect(existsSync(data)).toBe(false);
  });
});

it("O5: the event loop goes on while a passphrase is turned into a key", async () => {
  const secret = passphraseSecret("a passphrase of many words");
  const record = await createSealedRecord(secret);
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const begin = performance.now();
  const signer = await openSealed({ secret, record });
  const took = performance.now() - begin;
  delay.disable();
  await signer.close();
  expect(took).toBeGreaterThan(100);
  expect(delay.max / 1e6).toBeLessThan(took / 2);
});

/** Whether bytes stand anywhere in what a process may write to. */
function isInMemory(pid: number, wanted: Buffer): boolean {
  const memory = openSync(`/proc/${pid}/mem`, "r");
  const chunk = Buffer.alloc(1_048_576 + wanted.length);
  for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")) {
    const [, from = "", to = ""] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
    if (from === "" || line.includes("[vvar") || line.includes("[vsyscall")) continue;
    const [begin, end] = [Number.parseInt(from, 16), Number.parseInt(to, 16)];
    for (let place = begin; place < end; place += 1_048_576) {
      const length = Math.min(chunk.length, end - place);
      try {
        if (chunk.subarray(0, readSync(memory, chunk, 0, length, place)).includes(wanted)) return true;
      } catch {
        break; // not there to be read
      }
    }
  }
  return false;
}

describe.runIf(process.platform === "linux")("K3: in the memory of a running server", () => {
  it("K3: the key that seals the online keys is not found, in no form", async () => {
    const key = randomBytes(32);
    const file = join(temporaryDirectory(), "kek");
    writeFileSync(file, `vidimus-kek-v1:${key.toString("base64")}\n`, { mode: 0o600 });
    const { pid } = await startServer(launched, ["--signer-secret", `file:${file}`]);
    // The search finds what is there.
    expect(isInMemory(pid, Buffer.from("--signer-secret"))).toBe(true);
    expect(isInMemory(pid, key)).toBe(false);
    expect(isInMemory(pid, Buffer.from(key.toString("base64").slice(0, 30)))).toBe(false);
  });
});
