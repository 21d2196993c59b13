/**
 * One HTTP/1.1 server on one address: TCP or Unix socket, with TLS 1.2 or newer or plain.
 *
 * Invariants: the application hands its request handler to `serverFactory`; nothing is accepted before `listen`; every
 * connection is bounded in number and time in each of its phases (threat M7: the framework switches the request
 * timeout off, so all limits are set again here); a second server on the same address is an error, never a silent
 * share (`reusePort` stays off; readers of one server share through their supervisor); after `stop` nothing is accepted
 * and no connection is open.
 */
import { chmodSync, lstatSync, rmSync } from "node:fs";
import {
  createServer as createHttp,
  type Server as HttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import { createServer as createHttps, type Server as HttpsServer } from "node:https";
import { type AddressInfo, connect, isIPv6, type Socket } from "node:net";
import { tooManyConnections, tunnelWanted, unknownExpectation } from "../http/options.ts";
import { StartError, systemCode } from "./errors.ts";
import type { KeyPair } from "./key-pair.ts";

export interface ListenerLimits {
  /** All in milliseconds. */
  readonly requestTimeout: number;
  readonly headersTimeout: number;
  readonly keepAliveTimeout: number;
  readonly idleTimeout: number;
  /** Most open connections. */
  readonly connections: number;
  /** Most headers of a request. */
  readonly headers: number;
}

export type ListenAddress = { readonly host: string; readonly port: number } | { readonly socket: string };

export interface ListenerOptions {
  readonly address: ListenAddress;
  /** Absent: plain HTTP. */
  readonly pair?: KeyPair;
  readonly limits: ListenerLimits;
  /** One of several readers on this address: the supervisor has seen to its socket. */
  readonly shared?: boolean;
}

export interface Bound {
  /** Where a client on this machine connects to, without trailing slash; `unix:PATH` for a socket. */
  readonly url: string;
  /** The real port; undefined for a socket. */
  readonly port: number | undefined;
}

export interface Listener {
  /** For the application: makes the server that will listen. Called exactly once. */
  readonly serverFactory: (handler: RequestListener) => HttpServer | HttpsServer;
  /** Throws `StartError`: PORT_IN_USE, PORT_FORBIDDEN, ADDRESS_UNAVAILABLE, SOCKET_IN_USE, SOCKET_UNUSABLE. */
  listen(): Promise<Bound>;
  /** Puts another certificate into service, for connections to come. No effect on plain HTTP. */
  setCertificate(pair: KeyPair): void;
  /** Accepts no more, lets requests in flight end within `graceMs`, then cuts what is left. Idempotent. */
  stop(graceMs: number): Promise<void>;
}

/** Interval in milliseconds at which Node looks for connections that are over their time. */
const checkingInterval = 1_000;
const largestHeaders = 16_384;
/** So many connections above the limit are told to come again with the answer to their first request. */
const toldToComeAgain = 64;

export function createListener({ address, pair, limits, shared = false }: ListenerOptions): Listener {
  let server: HttpServer | HttpsServer | undefined;
  let stopping: Promise<void> | undefined;
  const sockets = new Set<Socket>();
  /** Those above the limit; under TLS the secure ones. */
  const surplus = new WeakSet<Socket>();

  function made(): HttpServer | HttpsServer {
    if (server === undefined)
      throw new TypeError("the application was not given the listener's serverFactory");
    return server;
  }

  /** As the parser would: the application has the words for it. */
  function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
    if (!made().emit("clientError", error, socket)) socket.destroy();
  }

  return {
    serverFactory(application) {
      const faultOf = (request: IncomingMessage) =>
        surplus.has(request.socket) ? tooMany() : namesOneHost(request) ? undefined : wrongHosts();
      const handler: RequestListener = (request, response) => {
        const fault = faultOf(request);
        if (fault === undefined) application(request, response);
        else refuse(fault, request.socket);
      };
      const options = {
        connectionsCheckingInterval: checkingInterval,
        headersTimeout: limits.headersTimeout,
        requestTimeout: limits.requestTimeout,
        keepAliveTimeout: limits.keepAliveTimeout,
        maxHeaderSize: largestHeaders,
        // Looked at here, so that it is refused in the application's words.
        requireHostHeader: false,
      };
      server =
        pair === undefined
          ? createHttp(options, handler)
          : createHttps(
              {
                ...options,
                ...tlsOptions(pair),
                handshakeTimeout: limits.headersTimeout,
                ALPNProtocols: ["http/1.1"],
              },
              handler,
            );
      server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
        const fault = faultOf(request) ?? (expectsMore(request) ? unmet() : undefined);
        if (fault !== undefined) return refuse(fault, request.socket);
        response.writeContinue();
        application(request, response);
      });
      server.on("checkExpectation", (request: IncomingMessage) =>
        refuse(faultOf(request) ?? unmet(), request.socket),
      );
      server.on("connect", (_request: IncomingMessage, socket: Socket) => {
        // The server has let go of it.
        socket.on("error", () => undefined);
        refuse(tunnel(), socket);
      });
      server.on("connection", (socket: Socket) => {
        sockets.add(socket);
        socket.once("close", () => sockets.delete(socket));
      });
      server.on(pair === undefined ? "connection" : "secureConnection", (socket: Socket) => {
        if (sockets.size > limits.connections) surplus.add(socket);
      });
      return server;
    },

    async listen() {
      const bare = made();
      applyLimits(bare, limits);
      if ("socket" in address && !shared) await clearSocket(address.socket);
      await bind(bare, address, shared);
      return bound(bare, address, pair !== undefined);
    },

    setCertificate(next) {
      const secure = made();
      if (pair !== undefined && "setSecureContext" in secure) secure.setSecureContext(tlsOptions(next));
    },

    stop(graceMs) {
      stopping ??= server === undefined ? Promise.resolve() : drain(server, sockets, graceMs);
      return stopping;
    },
  };
}

/**
 * The parser lets two through, of which intermediaries may have read the other one, and is told to let none through, which
 * HTTP/1.0 alone allows.
 */
function namesOneHost({ rawHeaders, httpVersion }: IncomingMessage): boolean {
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i];
    if (name?.length === 4 && name.toLowerCase() === "host") hosts += 1;
  }
  return hosts === 1 || (hosts === 0 && httpVersion === "1.0");
}

function wrongHosts(): NodeJS.ErrnoException {
  return Object.assign(new Error("no Host, or more than one"), { code: "HPE_INVALID_HEADER_TOKEN" });
}

/** Something beside `100-continue`. */
function expectsMore({ headers }: IncomingMessage): boolean {
  return headers.expect?.trim().toLowerCase() !== "100-continue";
}

function unmet(): NodeJS.ErrnoException {
  return Object.assign(new Error("an expectation that nobody meets"), { code: unknownExpectation });
}

function tunnel(): NodeJS.ErrnoException {
  return Object.assign(new Error("no tunnels"), { code: tunnelWanted });
}

function tooMany(): NodeJS.ErrnoException {
  return Object.assign(new Error("too many connections"), { code: tooManyConnections });
}

function tlsOptions(pair: KeyPair) {
  return { cert: pair.certificate, key: pair.key, minVersion: "TLSv1.2" as const };
}

function applyLimits(server: HttpServer | HttpsServer, limits: ListenerLimits): void {
  server.requestTimeout = limits.requestTimeout;
  server.headersTimeout = limits.headersTimeout;
  server.keepAliveTimeout = limits.keepAliveTimeout;
  server.maxConnections = limits.connections + toldToComeAgain;
  server.maxHeadersCount = limits.headers;
  server.setTimeout(limits.idleTimeout);
}

function bind(server: HttpServer | HttpsServer, address: ListenAddress, shared: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error) => reject(bindError(error, address));
    server.once("error", failed);
    const done = () => {
      server.removeListener("error", failed);
      resolve();
    };
    if ("socket" in address) {
      // The socket is bound inside listen(), so it never exists with a wider mode.
      const umask = process.umask(0o117);
      try {
        server.listen({ path: address.socket }, done);
      } finally {
        process.umask(umask);
      }
    } else {
      server.listen({ host: address.host, port: address.port, exclusive: !shared }, done);
    }
  });
}

/** What the system's refusal means to the operator. */
export function bindError(error: Error, address: ListenAddress): StartError {
  const code = systemCode(error);
  if ("socket" in address) {
    const sentence = `The socket ${address.socket} cannot be made (${code}): give the user of this process write access to its folder, or name another with --socket.`;
    return new StartError("SOCKET_UNUSABLE", sentence, error);
  }
  const { host, port } = address;
  if (code === "EADDRINUSE") {
    const sentence = `Port ${port} on ${host} is in use by another process: stop that one, or choose another port with --port.`;
    return new StartError("PORT_IN_USE", sentence, error);
  }
  if (code === "EACCES" || code === "EPERM") {
    const sentence = `This user may not listen on port ${port}: choose one above 1023 with --port, or grant the right to bind low ports.`;
    return new StartError("PORT_FORBIDDEN", sentence, error);
  }
  const sentence = `This machine cannot listen on the address ${host} (${code}): name one of its own with --host.`;
  return new StartError("ADDRESS_UNAVAILABLE", sentence, error);
}

/** Removes a socket file that nobody answers on. Throws SOCKET_IN_USE or SOCKET_UNUSABLE. */
export async function clearSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new StartError(
      "SOCKET_UNUSABLE",
      `${path} exists and is not a socket: name another with --socket.`,
    );
  }
  if (await answers(path)) {
    throw new StartError(
      "SOCKET_IN_USE",
      `Another process answers on the socket ${path}: stop that one, or name another with --socket.`,
    );
  }
  rmSync(path, { force: true });
}

/** False only if the system says that nobody listens: any doubt leaves the file alone. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    const settle = (value: boolean) => {
      probe.destroy();
      resolve(value);
    };
    probe.setTimeout(1_000, () => settle(true));
    probe.once("connect", () => settle(true));
    probe.once("error", (error) => settle(!["ECONNREFUSED", "ENOENT"].includes(systemCode(error))));
  });
}

function bound(server: HttpServer | HttpsServer, address: ListenAddress, secure: boolean): Bound {
  if ("socket" in address) {
    chmodSync(address.socket, 0o660);
    return { url: `unix:${address.socket}`, port: undefined };
  }
  const { port } = server.address() as AddressInfo;
  return { url: localUrl(address.host, port, secure), port };
}

/** Where a client on this machine reaches a server that listens on `host`, which may be all addresses. */
export function localUrl(host: string, port: number, secure: boolean): string {
  const reachable = host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
  return `${secure ? "https" : "http"}://${isIPv6(reachable) ? `[${reachable}]` : reachable}:${port}`;
}

async function drain(server: HttpServer | HttpsServer, sockets: Set<Socket>, graceMs: number): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  // A connection becomes idle when its answer is out; close() looks only once.
  const idle = setInterval(() => server.closeIdleConnections(), 20);
  const cut = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, graceMs);
  await closed;
  clearInterval(idle);
  clearTimeout(cut);
}
