/**
 * The way through a proxy: which one the environment names for an address, and a tunnel through it.
 *
 * Invariants: TLS is spoken with the target, end to end; the proxy's password is in no message; the connection to a
 * proxy that does not answer ends with the request that wanted it; of what a proxy answers, no more than `longestAnswer`
 * is read, and none of it is taken for the server's.
 */
import { type Agent, type AgentOptions, request as plainRequest } from "node:http";
import { type RequestOptions, Agent as SecureAgent, request as secureRequest } from "node:https";
import { isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect } from "node:tls";
import { getProxyForUrl } from "proxy-from-env";
import { TrustError } from "../errors.ts";
import { failureOf } from "./failure.ts";

/** When it fires, a connection that is only being made for the request is given up. */
export interface Ending {
  readonly ending: AbortSignal;
}

export interface Tunnel {
  /** The proxy's address as the environment has it: a key, not for messages. */
  readonly proxy: string;
  agent(pool: AgentOptions): Agent;
}

/** Bytes of the status line and the headers with which a proxy answers. */
const longestAnswer = 16_384;

/** Undefined: no proxy for this address. Throws `UNREACHABLE` for a proxy of an unknown kind. */
export async function tunnelTo(url: URL): Promise<Tunnel | undefined> {
  const proxy = getProxyForUrl(url.href);
  if (proxy === "") return undefined;
  const address = URL.canParse(proxy) ? new URL(proxy) : undefined;
  if (address === undefined || (address.protocol !== "http:" && address.protocol !== "https:")) {
    throw new TrustError(
      "UNREACHABLE",
      `The proxy for ${url.origin} that the environment names is not written as http://host:port or https://host:port.`,
    );
  }
  return { proxy, agent: (pool) => new TunnelAgent(address, pool) };
}

type Connected = (error: Error | null, socket?: Socket) => void;

class TunnelAgent extends SecureAgent {
  readonly #proxy: URL;

  constructor(proxy: URL, pool: AgentOptions) {
    super(pool);
    this.#proxy = proxy;
    // Every agent makes its connections by this method, which the types of the oldest Node do not have.
    Object.assign(this, {
      createConnection: (options: RequestOptions & Ending, connected: Connected) => {
        this.#through(options).then((socket) => connected(null, socket), connected);
      },
    });
  }

  async #through(options: RequestOptions & Ending): Promise<Socket> {
    const host = String(options.host);
    const name = isIP(host) === 6 ? `[${host}]` : host;
    const socket = await opened(this.#proxy, `${name}:${options.port}`, options.ending);
    return connect({ ...(options as ConnectionOptions), socket, host });
  }
}

/** A connection to `target` (host:port) through the proxy. Throws `UNREACHABLE`, `TLS_UNTRUSTED`. */
function opened(proxy: URL, target: string, ending: AbortSignal): Promise<Socket> {
  const isSecure = proxy.protocol === "https:";
  const host = proxy.hostname.replace(/^\[|\]$/g, "");
  const name = `The proxy for https://${target.replace(/:443$/, "")}`;
  return new Promise<Socket>((resolve, reject) => {
    const asked = (isSecure ? secureRequest : plainRequest)({
      host,
      port: proxy.port || (isSecure ? 443 : 80),
      method: "CONNECT",
      path: target,
      headers: { host: target, ...credentialsOf(proxy) },
      agent: false,
      maxHeaderSize: longestAnswer,
      signal: ending,
      // What is compared with the proxy's certificate; left to itself, Node takes the name of the target.
      ...(isSecure ? { servername: isIP(host) === 0 ? host : "", rejectUnauthorized: true } : {}),
    });
    asked.on("connect", ({ statusCode: status = 0 }, socket, begun) => {
      if (status === 200) {
        if (begun.length > 0) socket.unshift(begun);
        resolve(socket as Socket);
        return;
      }
      socket.destroy();
      const message = `${name} does not make a connection: it answered ${status}.`;
      reject(new TrustError("UNREACHABLE", message, { detail: { status } }));
    });
    asked.on("error", (error) => {
      const failure = failureOf(error, name);
      // That it does not speak HTTP says nothing of the server behind it.
      reject(failure.code === "BAD_ANSWER" ? new TrustError("UNREACHABLE", failure.message) : failure);
    });
    asked.end();
  });
}

function credentialsOf({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === "" && password === "") return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(pair, "utf8").toString("base64")}` };
}
