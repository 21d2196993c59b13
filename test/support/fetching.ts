/** Trust servers of every kind on free ports of loopback, and fetchers for them; all closed when the test file ends. */
import { readFileSync } from "node:fs";
import { createServer as createPlain, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecure, type ServerOptions } from "node:https";
import { type AddressInfo, createServer as createRaw, type Server } from "node:net";
import { afterAll } from "vitest";
import { TrustError } from "../../src/client/errors.ts";
import { noCredentials } from "../../src/client/fetch/credentials.ts";
import type { Fetcher } from "../../src/client/fetch/fetcher.ts";
import { createFetcher } from "../../src/client/fetch/http-fetcher.ts";
import type { FetcherOptions } from "../../src/client/fetch/options.ts";
import { ensureCertificate } from "../../src/serve/certificates.ts";
import { temporaryDirectory } from "./directory.ts";

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface TestServer {
  readonly url: string;
  readonly port: number;
  /** Requests in the order they came. */
  readonly seen: readonly Seen[];
  /** TCP connections so far, whether or not a request came over them. */
  readonly connections: () => number;
}

export type Handler = (request: Seen, response: ServerResponse) => void;

const closers: (() => void | Promise<void>)[] = [];

afterAll(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** For what else has to be closed. */
export function closeLater(close: () => void | Promise<void>): void {
  closers.push(close);
}

export function plainServer(handler: Handler): Promise<TestServer> {
  const seen: Seen[] = [];
  return listening(createPlain(listener(handler, seen)), "http", seen);
}

export function secureServer(handler: Handler, options: ServerOptions): Promise<TestServer> {
  const seen: Seen[] = [];
  return listening(createSecure(options, listener(handler, seen)), "https", seen);
}

export interface TestPair {
  readonly cert: string;
  readonly key: string;
  /** PEM of the CA that signed it. */
  readonly ca: string;
}

/** A certificate for these names from a CA of its own. */
export async function serverPair(names: readonly string[] = ["127.0.0.1"]): Promise<TestPair> {
  const directory = temporaryDirectory();
  const made = await ensureCertificate({ directory, names, now: Date.now(), readOnly: false });
  const ca = readFileSync(made.authorityFile, "utf8");
  return { cert: made.pair.certificate, key: made.pair.key, ca };
}

function listener(handler: Handler, seen: Seen[]) {
  return (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on("error", () => {});
    response.on("error", () => {});
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      const body = Buffer.concat(chunks).toString("utf8");
      const one = { method, url, headers, authorization: headers.authorization, body };
      seen.push(one);
      handler(one, response);
    });
  };
}

/** Starts any server on a free port of 127.0.0.1. */
export async function listening(
  server: Server,
  scheme: string,
  seen: readonly Seen[] = [],
): Promise<TestServer> {
  const sockets = new Set<{ destroy(): void }>();
  let connections = 0;
  server.on("connection", (socket) => {
    connections++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  closeLater(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((closed) => server.close(closed));
  });
  const { port } = server.address() as AddressInfo;
  return { url: `${scheme}://127.0.0.1:${port}`, port, seen, connections: () => connections };
}

/** A port that nobody listens on. */
export async function deadPort(): Promise<number> {
  const server = createRaw();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

/** No credentials, no proxy, and tries that follow each other at once, unless said otherwise. */
export function fetcherFor(server: string, options: Partial<FetcherOptions> = {}): Fetcher {
  const fetcher = createFetcher({
    server,
    credentials: noCredentials,
    environment: {},
    testingOnlyFirstDelay: 1,
    ...options,
  });
  closeLater(() => fetcher.close());
  return fetcher;
}

export interface Wish {
  readonly repository?: string;
  readonly file?: string;
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}

/** `root.json` of a repository, of at most 1000 bytes. */
export function get(fetcher: Fetcher, wish: Wish = {}): Promise<Buffer | undefined> {
  return fetcher.get({
    repository: "registry.example.test/org/app",
    file: "root.json",
    maxBytes: 1_000,
    signal: new AbortController().signal,
    ...wish,
  });
}

/** What something was refused with; fails the test if it was not refused by this library. */
export async function trustErrorOf(work: Promise<unknown> | (() => unknown)): Promise<TrustError> {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (error) {
    if (error instanceof TrustError) return error;
    throw error;
  }
  throw new Error("It was not refused.");
}

export async function trustCodeOf(work: Promise<unknown> | (() => unknown)): Promise<string> {
  return (await trustErrorOf(work)).code;
}
