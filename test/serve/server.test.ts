import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { get as getSecure } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import Fastify from "fastify";
import pino from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Config, loadConfig } from "../../src/config.ts";
import type { AppOptions } from "../../src/http/options.ts";
import { type Issued, makeAuthority } from "../../src/serve/authority.ts";
import { type RunningServer, startServer } from "../../src/serve/server.ts";
import { systemClock } from "../../src/service/clock.ts";
import type { TrustService } from "../../src/service/service.ts";

let directory: string;
let events: string[];
let asked: AppOptions["apis"][];
let running: RunningServer | undefined;
let release: (() => void) | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "vidimus-server-"));
  events = [];
  asked = [];
  release = undefined;
});
afterEach(async () => {
  release?.();
  await running?.stop();
  running = undefined;
  rmSync(directory, { recursive: true, force: true });
});

function configure(yaml = ""): Config {
  const flags = { data: join(directory, "data"), "server.port": "0" };
  return loadConfig({
    flags: Object.entries(flags)
      .filter(([key]) => !yaml.includes("socket") || key === "data")
      .map(([key, text]) => ({ flag: key, key, text })),
    env: {},
    file: "test.yaml",
    readFile: () => yaml,
  }).config;
}

/** The two members that a server uses; a call of any other would fail the test. */
const service = {
  start: async () => void events.push("service started"),
  close: async () => void events.push("service closed"),
} as unknown as TrustService;

async function createApp(options: AppOptions) {
  asked.push(options.apis);
  if (options.serverFactory === undefined) throw new Error("no serverFactory");
  const app = Fastify({ serverFactory: options.serverFactory });
  app.get("/", () => "hello");
  app.get("/slow", async () => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    events.push("slow request answered");
    return "late";
  });
  return app;
}

async function start(yaml?: string): Promise<RunningServer> {
  const openService = async () => {
    events.push("service opened");
    return service;
  };
  running = await startServer(
    configure(yaml),
    { openService, createApp },
    pino({ enabled: false }),
    systemClock,
  );
  return running;
}

function fetchText(url: string, path = "/", ca?: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const answer = (response: IncomingMessage) => {
      let text = "";
      response.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on("end", () => resolve(text));
    };
    const sent = url.startsWith("unix:")
      ? get({ socketPath: url.slice("unix:".length), path, agent: false }, answer)
      : url.startsWith("https:")
        ? getSecure(`${url}${path}`, { ca, agent: false }, answer)
        : get(`${url}${path}`, { agent: false }, answer);
    sent.on("error", reject);
  });
}

function put(pair: Issued): string {
  writeFileSync(join(directory, "c.pem"), pair.certificate);
  writeFileSync(join(directory, "k.pem"), pair.key);
  return `tls: { certificate: ${directory}/c.pem, key: ${directory}/k.pem }`;
}

describe("start", () => {
  it("serves HTTPS under a CA of its own", async () => {
    const { url, authority } = await start();
    expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(await fetchText(url, "/", readFileSync(authority?.file ?? ""))).toBe("hello");
  });

  it("starts the service once it is open", async () => {
    await start();
    expect(events).toEqual(["service opened", "service started"]);
  });

  it("keeps its CA over a restart", async () => {
    const first = (await start()).authority;
    await running?.stop();
    expect((await start()).authority).toEqual(first);
  });

  it("serves plain HTTP when told so, and makes no certificate", async () => {
    const { url, authority } = await start("server: { plainHttp: true }");
    expect(await fetchText(url)).toBe("hello");
    expect(authority).toBeUndefined();
  });

  it("serves on a Unix socket", async () => {
    const { url } = await start(`server: { plainHttp: true, socket: ${directory}/s }`);
    expect(await fetchText(url)).toBe("hello");
  });

  it("serves everything on one listener", async () => {
    await start();
    expect(asked).toEqual([{ notary: true, metrics: true, probes: true }]);
  });

  it("serves metrics and probes apart when told so", async () => {
    const { operations } = await start("operations: { enabled: true, plainHttp: true }");
    expect(asked).toEqual([
      { notary: true, metrics: false, probes: false },
      { notary: false, metrics: true, probes: true },
    ]);
    expect(await fetchText(operations ?? "")).toBe("hello");
  });
});

describe("refusals leave nothing open", () => {
  it.each([
    ["an empty key", "KEY_UNREADABLE", (own: Issued) => put({ ...own, key: "" })],
    ["a key that is none", "KEY_BAD", (own: Issued) => put({ ...own, key: "x" })],
    ["another's key", "KEY_MISMATCH", (own: Issued, other: Issued) => put({ ...own, key: other.key })],
    [
      "no certificate file",
      "CERTIFICATE_UNREADABLE",
      () => "tls: { certificate: /nonexistent/c, key: /nonexistent/k }",
    ],
  ])("%s: %s, before the service is opened", async (_name, code, yaml) => {
    const [own, other] = await Promise.all([makeAuthority(Date.now()), makeAuthority(Date.now())]);
    await expect(start(yaml(own, other))).rejects.toMatchObject({ code });
    expect(events).toEqual([]);
  });

  it("a port in use: PORT_IN_USE, and the service is closed", async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
    const { port } = holder.address() as { port: number };
    const config = configure();
    const parts = { openService: async () => service, createApp };
    const busy = { ...config, server: { ...config.server, port } };
    await expect(startServer(busy, parts, pino({ enabled: false }), systemClock)).rejects.toMatchObject({
      code: "PORT_IN_USE",
    });
    expect(events.at(-1)).toBe("service closed");
    await new Promise((resolve) => holder.close(resolve));
  });

  it("a data directory that cannot be made: DATA_UNUSABLE", async () => {
    writeFileSync(join(directory, "data"), "a file");
    await expect(start()).rejects.toMatchObject({ code: "DATA_UNUSABLE" });
  });

  it.runIf(existsSync("/proc/self"))(
    "a data directory where no file system makes one: DATA_UNUSABLE, and not a start that never ends",
    async () => {
      const parts = { openService: async () => service, createApp };
      const nowhere = { ...configure(), data: "/proc/vidimus/data" };
      await expect(startServer(nowhere, parts, pino({ enabled: false }), systemClock)).rejects.toMatchObject({
        code: "DATA_UNUSABLE",
      });
    },
  );

  it("a read-only start without data directory: DATA_UNUSABLE, and none is made", async () => {
    await expect(start("server: { readOnly: true }")).rejects.toMatchObject({ code: "DATA_UNUSABLE" });
    expect(() => readFileSync(join(directory, "data"))).toThrow(expect.objectContaining({ code: "ENOENT" }));
  });
});

describe("stop", () => {
  it("answers requests in flight before the service closes", async () => {
    const server = await start("server: { plainHttp: true }");
    const slow = fetchText(server.url, "/slow");
    await expect.poll(() => release).toBeDefined();
    const stopped = server.stop();
    release?.();
    expect(await slow).toBe("late");
    await stopped;
    expect(events.slice(-2)).toEqual(["slow request answered", "service closed"]);
  });

  it("closes once, however often it is asked", async () => {
    const server = await start();
    await Promise.all([server.stop(), server.stop()]);
    expect(events.filter((event) => event === "service closed")).toHaveLength(1);
  });
});

it("puts the operator's new certificate into service without a restart", async () => {
  const [own, next] = await Promise.all([makeAuthority(Date.now()), makeAuthority(Date.now())]);
  const { url, reload } = await start(put(own));
  put(next);
  await reload();
  const seen = await new Promise<string | undefined>((resolve, reject) => {
    const socket = connectTls(
      { port: Number(new URL(url).port), host: "127.0.0.1", rejectUnauthorized: false },
      () => {
        resolve(socket.getPeerX509Certificate()?.toString().trim());
        socket.destroy();
      },
    );
    socket.on("error", reject);
  });
  expect(seen).toBe(next.certificate.trim());
});
