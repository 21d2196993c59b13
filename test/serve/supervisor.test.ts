/** Supervisor, keeper and children without processes: every channel is inside this one. */
import pino from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Config, loadConfig } from "../../src/config.ts";
import { StoreError } from "../../src/core/errors.ts";
import type { Answer, Ask } from "../../src/remote/answer.ts";
import { type ChildParts, type RunningChild, runChild } from "../../src/serve/child.ts";
import { StartError } from "../../src/serve/errors.ts";
import type { Role } from "../../src/serve/keeper.ts";
import type { RunningServer } from "../../src/serve/server.ts";
import { supervise } from "../../src/serve/supervisor.ts";
import type { PolicySource, ToldPolicy } from "../../src/serve/told-policy.ts";
import { type FakePort, ports } from "../support/ports.ts";

interface Started {
  readonly role: Role;
  readonly parent: FakePort;
  readonly child: FakePort;
  config?: Config;
  told?: ToldPolicy;
  ask?: Ask;
}

let started: Started[];
let events: string[];
let running: RunningServer | undefined;
let log: string[];
/** What a start of the kind comes to; each is used once. */
let failures: { readonly role: Role; readonly error: Error }[];
/** What every process is told; `reloaded` is told from the next reload on. */
let policy: PolicySource;
let reloaded: ToldPolicy;
/** Every start ends with it. */
let held: Promise<void>;
/** What the writer answers. */
let desk: Ask;
/** Whom the supervisor counted as started again. */
let restarts: Role[];
/** What its metrics were told of processes: what each said, and which ended. */
let heard: Map<number, unknown>;
let ended: number[];

beforeEach(() => {
  started = [];
  events = [];
  log = [];
  failures = [];
  restarts = [];
  heard = new Map();
  ended = [];
  running = undefined;
  held = Promise.resolve();
  let told: ToldPolicy = { texts: { file: "first" }, fault: undefined };
  reloaded = { texts: { file: "second" }, fault: undefined };
  policy = {
    told: () => told,
    reload: async () => {
      told = reloaded;
    },
  };
  desk = async (operation) => ({ kind: "done", value: `${operation} done` });
});
afterEach(async () => {
  vi.useRealTimers();
  await running?.stop();
});

function fork(role: Role): FakePort {
  const [parent, child] = ports(100 + started.length);
  const own: Started = { role, parent, child };
  started.push(own);
  const name = `${role} ${child.pid}`;

  async function start(config: Config, told: ToldPolicy, ask?: Ask): Promise<RunningChild> {
    const failing = failures.findIndex((each) => each.role === role);
    if (failing >= 0) throw failures.splice(failing, 1)[0]?.error;
    own.config = config;
    own.told = told;
    if (ask !== undefined) own.ask = ask;
    events.push(`${name} started`);
    await held;
    return {
      facts: { url: `https://127.0.0.1:1/${child.pid}` },
      handle: (operation, argument) => desk(operation, argument),
      metrics: async () => [{ name }],
      reload: async ({ fault }) =>
        void events.push(`${name} reloaded${fault === undefined ? "" : `: ${fault}`}`),
      stop: async () => void events.push(`${name} stopped`),
    };
  }
  const parts: ChildParts = {
    writer: (config, told) => start(config, told),
    reader: (config, told, _logger, ask) => start(config, told, ask),
  };
  runChild(child, parts, (code) => parent.end(code, null));
  return parent;
}

async function start(settings: Readonly<Record<string, string>> = {}): Promise<RunningServer> {
  const given = { "server.workers": "2", "log.level": "fatal", ...settings };
  const flags = Object.entries(given).map(([key, text]) => ({ flag: "--set", key, text }));
  const { config } = loadConfig({ flags, env: {}, readFile: () => "" });
  running = await supervise(
    config,
    fork,
    policy,
    pino({ level: "info" }, { write: (line: string) => void log.push(line) }),
    {
      restarted: (role) => void restarts.push(role),
      heard: (pid, metrics) => void heard.set(pid, metrics),
      ended: (pid) => void ended.push(pid),
      toSend: async (telling) => [{ name: "supervisor", telling: [...telling].sort() }],
    },
  );
  return running;
}

const alive = (role: Role) => started.filter((each) => each.role === role && each.parent.connected);
const writer = () => alive("writer")[0] as Started;
const readers = () => alive("reader");
const asks = async (operation: string, argument: unknown = 1): Promise<Answer> =>
  (await readers()[0]?.ask?.(operation, argument)) as Answer;

describe("start", () => {
  it("has the writer ready before any reader, and says what the first reader says", async () => {
    const { url } = await start();
    expect(events).toEqual(["writer 100 started", "reader 101 started", "reader 102 started"]);
    expect(url).toBe("https://127.0.0.1:1/101");
  });

  it("shares the bound of connections among the readers", async () => {
    await start({ "server.workers": "3", "limits.connections": "100" });
    expect(readers().map(({ config }) => config?.limits.connections)).toEqual([34, 34, 34]);
  });

  it("has no writer on a server that only reads", async () => {
    await start({ "server.readOnly": "true" });
    expect(started.map(({ role }) => role)).toEqual(["reader", "reader"]);
  });

  it.each<[Role, Error, object]>([
    ["writer", new StoreError("STORE_LOCKED", "Stop it."), { code: "STORE_LOCKED", message: "Stop it." }],
    ["writer", new StartError("KEY_EXPOSED", "chmod"), { code: "KEY_EXPOSED", name: "StartError" }],
    ["reader", new StartError("PORT_IN_USE", "Port."), { code: "PORT_IN_USE", name: "StartError" }],
  ])("fails with the refusal of the %s, and nobody is left", async (role, error, expected) => {
    failures.push({ role, error });
    await expect(start()).rejects.toMatchObject(expected);
    expect([...alive("writer"), ...alive("reader")]).toEqual([]);
  });

  it("fails when a process ends before it is ready", async () => {
    failures.push({ role: "reader", error: new Error("a mistake of ours") });
    await expect(start()).rejects.toThrow(/^The reader ended before it was ready/);
    expect([...alive("writer"), ...alive("reader")]).toEqual([]);
  });
});

describe("what readers ask", () => {
  it("is done by the writer", async () => {
    await start();
    expect(await asks("store.commit")).toEqual({ kind: "done", value: "store.commit done" });
  });

  it("is lost when it was on its way as the writer died, and unsent until there is another", async () => {
    await start();
    desk = () => new Promise(() => undefined);
    const underWay = asks("store.commit");
    await new Promise(setImmediate);
    writer().parent.kill("SIGKILL");
    expect(await underWay).toEqual({ kind: "lost" });
    expect(await asks("store.commit")).toEqual({ kind: "unsent" });
    desk = async () => ({ kind: "done", value: 1 });
    await expect.poll(() => asks("store.commit")).toEqual({ kind: "done", value: 1 });
    expect(started.filter(({ role }) => role === "writer")).toHaveLength(2);
  });

  it("is answered from all other processes for metrics, and from the supervisor for those that are gone", async () => {
    await start();
    const pid = readers()[0]?.child.pid ?? 0;
    const own = { pid, metrics: "own" };
    expect(await asks("metrics", own)).toEqual({
      kind: "done",
      value: [
        { name: "supervisor", telling: [100, 101, 102] },
        [{ name: "writer 100" }],
        [{ name: "reader 102" }],
      ],
    });
    expect([...heard]).toEqual([
      [101, "own"],
      [100, [{ name: "writer 100" }]],
      [102, [{ name: "reader 102" }]],
    ]);
    expect(ended).toEqual([]);
    writer().parent.kill("SIGKILL");
    await expect
      .poll(() => asks("metrics", own))
      .toEqual({
        kind: "done",
        value: [{ name: "supervisor", telling: [101, 102] }, [{ name: "reader 102" }]],
      });
    expect(ended).toEqual([100]);
  });

  it("is unsent on a server without writer", async () => {
    await start({ "server.readOnly": "true" });
    expect(await asks("store.commit")).toEqual({ kind: "unsent" });
  });
});

describe("a process that ends unasked", () => {
  it("is started again with the same configuration, and said in the log", async () => {
    await start();
    const [first] = readers();
    first?.parent.kill("SIGKILL");
    await expect.poll(() => readers().length).toBe(2);
    await expect.poll(() => readers()[1]?.config).toEqual(first?.config);
    expect(log.join("")).toContain("a process ended unasked");
    expect(restarts).toEqual(["reader"]);
  });

  it("is tried again and again, after pauses that grow to five seconds, while the others serve", async () => {
    await start();
    vi.useFakeTimers();
    for (let i = 0; i < 9; i++) {
      failures.push({ role: "writer", error: new StoreError("STORE_UNAVAILABLE", "Later.") });
    }
    const pauses: number[] = [];
    let last = 0;
    writer().parent.kill("SIGKILL");
    for (
      let waited = 0, seen = started.length;
      waited < 60_000 && alive("writer").length === 0;
      waited += 50
    ) {
      await vi.advanceTimersByTimeAsync(50);
      if (started.length > seen) {
        pauses.push(waited + 50 - last);
        last = waited + 50;
        seen = started.length;
      }
    }
    expect(pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000]);
    expect(readers()).toHaveLength(2);
    // Each try counts: one that never comes up must be noticed, too.
    expect(restarts).toEqual(pauses.map(() => "writer"));
  });

  it("is started quickly again once it has lasted", async () => {
    await start();
    vi.useFakeTimers();
    for (let i = 0; i < 3; i++) {
      await vi.advanceTimersByTimeAsync(10_000);
      writer().parent.kill("SIGKILL");
      await vi.advanceTimersByTimeAsync(100);
      expect(alive("writer")).toHaveLength(1);
    }
  });
});

describe("the end", () => {
  it("comes to the readers first and to the writer last, once", async () => {
    const server = await start();
    events.length = 0;
    await Promise.all([server.stop(), server.stop()]);
    expect(events).toEqual(["reader 101 stopped", "reader 102 stopped", "writer 100 stopped"]);
    expect([...alive("writer"), ...alive("reader")]).toEqual([]);
    expect(restarts).toEqual([]);
  });

  it("is forced on a process that does not come to one", async () => {
    const server = await start();
    const stuck = readers()[1] as Started;
    stuck.parent.deaf = true;
    vi.useFakeTimers();
    const stopped = server.stop();
    await vi.advanceTimersByTimeAsync(15_000);
    await stopped;
    expect(stuck.parent.signals).toEqual(["SIGKILL"]);
  });

  it("starts nothing any more, whatever has died just now", async () => {
    const server = await start();
    const count = started.length;
    writer().parent.kill("SIGKILL");
    await server.stop();
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(started).toHaveLength(count);
  });
});

describe("a reload", () => {
  it("reaches the writer before the readers, with the policy that was read", async () => {
    const server = await start();
    expect(started.map(({ told }) => told)).toEqual(Array.from({ length: 3 }, () => policy.told()));
    reloaded = { texts: undefined, fault: "it is bad" };
    events.length = 0;
    await server.reload();
    expect(events).toEqual([
      "writer 100 reloaded: it is bad",
      "reader 101 reloaded: it is bad",
      "reader 102 reloaded: it is bad",
    ]);
  });

  it("gives its policy also to who is started afterwards, and to who was being started meanwhile", async () => {
    const server = await start();
    let release = () => {};
    held = new Promise((resolve) => {
      release = resolve;
    });
    readers()[0]?.parent.kill("SIGKILL");
    await expect.poll(() => events).toContain("reader 103 started");
    await server.reload();
    expect(started[3]?.told).not.toBe(policy.told());
    expect(events).not.toContain("reader 103 reloaded");
    release();
    await expect.poll(() => events).toContain("reader 103 reloaded");
    held = Promise.resolve();
    readers()[0]?.parent.kill("SIGKILL");
    await expect.poll(() => started[4]?.told).toEqual(reloaded);
  });
});
