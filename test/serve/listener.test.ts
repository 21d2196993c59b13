import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { type ClientRequest, get, type IncomingMessage, type RequestListener, request } from "node:http";
import { get as getSecure } from "node:https";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { tooManyConnections } from "../../src/http/options.ts";
import { makeAuthority } from "../../src/serve/authority.ts";
import { ensureCertificate, type MadeCertificate } from "../../src/serve/certificates.ts";
import type { KeyPair } from "../../src/serve/key-pair.ts";
import { createListener, type ListenAddress, type Listener } from "../../src/serve/listener.ts";

const limits = {
  requestTimeout: 25_000,
  headersTimeout: 10_000,
  keepAliveTimeout: 5_000,
  idleTimeout: 30_000,
  connections: 100,
  headers: 100,
};
const hello: RequestListener = (_request, response) => response.end("hello");
let directory: string;
const open: Listener[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "vidimus-listen-"));
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.stop(0)));
  rmSync(directory, { recursive: true, force: true });
});

interface Given {
  readonly address?: ListenAddress;
  readonly pair?: KeyPair;
  readonly handler?: RequestListener;
  readonly limits?: Partial<typeof limits>;
}

function make(given: Given = {}): Listener {
  const listener = createListener({
    address: given.address ?? { host: "127.0.0.1", port: 0 },
    ...(given.pair === undefined ? {} : { pair: given.pair }),
    limits: { ...limits, ...given.limits },
  });
  listener.serverFactory(given.handler ?? hello);
  open.push(listener);
  return listener;
}

function body(start: (done: (response: IncomingMessage) => void) => ClientRequest): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = start((response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on("end", () => resolve(text));
      response.on("error", reject);
    });
    sent.on("error", reject);
  });
}

async function portOf(listener: Listener): Promise<number> {
  const { port } = await listener.listen();
  if (port === undefined) throw new Error("no port");
  return port;
}

async function made(): Promise<MadeCertificate> {
  return ensureCertificate({
    directory,
    names: ["localhost", "127.0.0.1"],
    now: Date.now(),
    readOnly: false,
  });
}

describe("listening", () => {
  it("answers on the port that it names", async () => {
    const { url, port } = await make().listen();
    expect(url).toBe(`http://127.0.0.1:${port}`);
    expect(await body((done) => get(url, done))).toBe("hello");
  });

  it("refuses a port in use", async () => {
    const port = await portOf(make());
    await expect(make({ address: { host: "127.0.0.1", port } }).listen()).rejects.toMatchObject({
      code: "PORT_IN_USE",
    });
  });

  it("refuses an address that is not this machine's", async () => {
    const listener = make({ address: { host: "192.0.2.1", port: 0 } });
    await expect(listener.listen()).rejects.toMatchObject({ code: "ADDRESS_UNAVAILABLE" });
  });

  it("says where a client connects when it listens on every address", async () => {
    const { url, port } = await make({ address: { host: "0.0.0.0", port: 0 } }).listen();
    expect(url).toBe(`http://127.0.0.1:${port}`);
  });
});

describe("TLS", () => {
  const handshake = (port: number, options: object): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options }, () =>
        resolve(socket),
      );
      socket.on("error", reject);
    });

  it("is verified by a client that has the CA", async () => {
    const { pair, authorityFile } = await made();
    const port = await portOf(make({ pair }));
    const ca = (await import("node:fs")).readFileSync(authorityFile);
    expect(await body((done) => getSecure(`https://localhost:${port}/`, { ca, agent: false }, done))).toBe(
      "hello",
    );
  });

  it("speaks no plain HTTP", async () => {
    const port = await portOf(make({ pair: (await made()).pair }));
    await expect(body((done) => get(`http://127.0.0.1:${port}/`, done))).rejects.toThrow();
  });

  it("refuses TLS 1.1", async () => {
    const port = await portOf(make({ pair: (await made()).pair }));
    await expect(
      handshake(port, { minVersion: "TLSv1.1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" }),
    ).rejects.toMatchObject({ code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION" });
  });

  it("offers HTTP/1.1 only", async () => {
    const port = await portOf(make({ pair: (await made()).pair }));
    const socket = await handshake(port, { ALPNProtocols: ["h2", "http/1.1"] });
    expect(socket.alpnProtocol).toBe("http/1.1");
    socket.destroy();
  });

  it("gives new connections a new certificate while it runs", async () => {
    const { pair } = await made();
    const listener = make({ pair });
    const port = await portOf(listener);
    const other = await makeAuthority(Date.now());
    listener.setCertificate({ ...other, notAfter: 0 });
    const socket = await handshake(port, {});
    expect(socket.getPeerX509Certificate()?.toString().trim()).toBe(other.certificate.trim());
    socket.destroy();
  });
});

describe("Unix socket", () => {
  const path = () => join(directory, "s");

  it("answers, with mode 0660 whatever the umask", async () => {
    const { url } = await make({ address: { socket: path() } }).listen();
    expect(url).toBe(`unix:${path()}`);
    expect(statSync(path()).mode & 0o777).toBe(0o660);
    expect(await body((done) => get({ socketPath: path(), path: "/" }, done))).toBe("hello");
  });

  it("replaces a socket that nobody answers on", async () => {
    const stale: Server = createServer();
    await new Promise<void>((resolve) => stale.listen(path(), resolve));
    const { renameSync } = await import("node:fs");
    renameSync(path(), `${path()}.kept`);
    await new Promise((resolve) => stale.close(resolve));
    renameSync(`${path()}.kept`, path());
    expect((await make({ address: { socket: path() } }).listen()).url).toBe(`unix:${path()}`);
  });

  it("leaves a socket alone that somebody answers on", async () => {
    await make({ address: { socket: path() } }).listen();
    await expect(make({ address: { socket: path() } }).listen()).rejects.toMatchObject({
      code: "SOCKET_IN_USE",
    });
    expect(await body((done) => get({ socketPath: path(), path: "/" }, done))).toBe("hello");
  });

  it("leaves a file alone that is no socket", async () => {
    writeFileSync(path(), "precious");
    await expect(make({ address: { socket: path() } }).listen()).rejects.toMatchObject({
      code: "SOCKET_UNUSABLE",
    });
    expect(statSync(path()).size).toBe(8);
  });

  it("removes its socket at the end", async () => {
    const listener = make({ address: { socket: path() } });
    await listener.listen();
    await listener.stop(0);
    expect(statSync(path(), { throwIfNoEntry: false })).toBeUndefined();
  });
});

describe("limits of time and number", () => {
  /** Milliseconds until the server closes a connection that sends `text` and then nothing. */
  const cutAfter = (port: number, text: string): Promise<number> =>
    new Promise((resolve) => {
      const began = performance.now();
      const socket = connect(port, "127.0.0.1", () => socket.write(text));
      socket.resume();
      socket.on("error", () => undefined);
      socket.on("close", () => resolve(performance.now() - began));
    });

  it("cuts a request whose headers do not end", async () => {
    const port = await portOf(make({ limits: { headersTimeout: 300, requestTimeout: 600 } }));
    expect(await cutAfter(port, "GET / HTTP/1.1\r\nHost: a\r\n")).toBeLessThan(3_000);
  });

  it("cuts a request whose body does not end", async () => {
    const port = await portOf(
      make({ handler: () => undefined, limits: { headersTimeout: 300, requestTimeout: 600 } }),
    );
    expect(await cutAfter(port, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab")).toBeLessThan(
      3_000,
    );
  });

  it("cuts a connection that says nothing", async () => {
    const port = await portOf(make({ limits: { idleTimeout: 300 } }));
    expect(await cutAfter(port, "")).toBeLessThan(3_000);
  });

  it("cuts a client that reads nothing of its answer", async () => {
    const handler: RequestListener = (_request, response) => response.end(Buffer.alloc(64_000_000));
    const port = await portOf(make({ handler, limits: { idleTimeout: 500 } }));
    const began = performance.now();
    const socket = connect(port, "127.0.0.1", () => socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    socket.pause();
    socket.on("error", () => undefined);
    await new Promise<void>((resolve) => setTimeout(resolve, 1_500));
    socket.resume();
    await new Promise<void>((resolve) => socket.on("close", () => resolve()));
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(socket.bytesRead).toBeLessThan(64_000_000);
  });

  /** So many connections that are held open; how to close them. */
  async function held(port: number, count: number): Promise<() => void> {
    const sockets = Array.from({ length: count }, () => connect(port, "127.0.0.1"));
    await Promise.all(
      sockets.map((socket) => new Promise<void>((resolve) => socket.on("connect", () => resolve()))),
    );
    return () => {
      for (const socket of sockets) socket.destroy();
    };
  }

  it.each([false, true])("has a request above the limit refused, TLS: %s", async (secure) => {
    const refused: unknown[] = [];
    const listener = createListener({
      address: { host: "127.0.0.1", port: 0 },
      ...(secure && { pair: (await made()).pair }),
      limits: { ...limits, connections: 1 },
    });
    open.push(listener);
    const server = listener.serverFactory(hello);
    server.on("clientError", ({ code }: NodeJS.ErrnoException, socket: Socket) => {
      refused.push(code);
      socket.destroy();
    });
    const { port = 0 } = await listener.listen();
    const release = await held(port, 1);
    const asked = new Promise((resolve) => {
      const options = { host: "127.0.0.1", port, rejectUnauthorized: false, agent: false };
      (secure ? getSecure : get)(options, resolve).on("error", () => resolve("refused"));
    });
    expect(await asked).toBe("refused");
    expect(refused).toEqual([tooManyConnections]);
    release();
  });

  it("has a request that names two hosts refused", async () => {
    let handled = false;
    const port = await portOf(
      make({
        handler: () => {
          handled = true;
        },
      }),
    );
    expect(await cutAfter(port, "GET / HTTP/1.1\r\nHost: a\r\nHOST: b\r\n\r\n")).toBeLessThan(1_000);
    expect(handled).toBe(false);
  });

  it("closes connections far above the limit at once", async () => {
    const port = await portOf(make({ limits: { connections: 1 } }));
    const release = await held(port, 65);
    expect(await cutAfter(port, "")).toBeLessThan(1_000);
    release();
  });

  it("answers 431 to headers above 16 KiB", async () => {
    const { url } = await make().listen();
    const status = await new Promise((resolve, reject) => {
      get(url, { headers: { "x-long": "x".repeat(17_000) } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).on("error", reject);
    });
    expect(status).toBe(431);
  });
});

describe("stop", () => {
  it("lets a request in flight end and accepts no more", async () => {
    let answer: (() => void) | undefined;
    const listener = make({
      handler: (_request, response) => {
        answer = () => response.end("late");
      },
    });
    const { url } = await listener.listen();
    const slow = body((done) => get(url, done));
    await expect.poll(() => answer).toBeDefined();
    const stopped = listener.stop(10_000);
    await expect(body((done) => get(url, { agent: false }, done))).rejects.toMatchObject({
      code: "ECONNREFUSED",
    });
    answer?.();
    expect(await slow).toBe("late");
    await stopped;
  });

  it("does not wait for idle connections", async () => {
    const listener = make();
    const { url } = await listener.listen();
    const { Agent } = await import("node:http");
    const agent = new Agent({ keepAlive: true });
    await body((done) => get(url, { agent }, done));
    const began = performance.now();
    await listener.stop(10_000);
    expect(performance.now() - began).toBeLessThan(1_000);
    agent.destroy();
  });

  it("cuts what is still open after the grace", async () => {
    const listener = make({ handler: () => undefined });
    const { url } = await listener.listen();
    const hanging = body((done) => request(url, done).end());
    const { port } = new URL(url);
    const silent = connect(Number(port), "127.0.0.1");
    silent.on("error", () => undefined);
    await new Promise<void>((resolve) => silent.on("connect", () => resolve()));
    await Promise.all([listener.stop(200), expect(hanging).rejects.toThrow()]);
    silent.destroy();
  });

  it("frees the port", async () => {
    const listener = make();
    const port = await portOf(listener);
    await listener.stop(0);
    const next = createServer();
    await new Promise<void>((resolve) => next.listen(port, "127.0.0.1", resolve));
    expect((next.address() as AddressInfo).port).toBe(port);
    await new Promise((resolve) => next.close(resolve));
  });
});
