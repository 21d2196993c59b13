/**
 * The way through a proxy: which one the environment names for an address, and a tunnel through it.
 *
 * Invariants: TLS is spoken with the target, end to end; the proxy's password is in no message; the connection to a
 * proxy that does not answer ends with the request that wanted it.
 */
import type { Agent, AgentOptions, ClientRequest } from "node:http";
import { checkServerIdentity } from "node:tls";
import { HttpsProxyAgent } from "https-proxy-agent";
import { getProxyForUrl } from "proxy-from-env";
import { TrustError } from "../errors.ts";

export interface Tunnel {
  /** The proxy's address as the environment has it: a key, not for messages. */
  readonly proxy: string;
  agent(pool: AgentOptions): Agent;
}

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
  return { proxy, agent: (pool) => new TunnelAgent(address.href, pool) };
}

type Connect = HttpsProxyAgent<string>["connect"];
type Target = Extract<Parameters<Connect>[1], { readonly secureEndpoint: true }>;

class TunnelAgent extends HttpsProxyAgent<string> {
  override async connect(request: ClientRequest, options: Target): ReturnType<Connect> {
    const { ending } = options as { readonly ending?: AbortSignal };
    const gone = new AbortController();
    const end = () => gone.abort();
    ending?.addEventListener("abort", end, { once: true });
    // Read before `super.connect` first waits: the socket to the proxy is destroyed when this fires.
    Object.assign(this.connectOpts, { signal: gone.signal, rejectUnauthorized: true });
    try {
      const socket = await super.connect(request, {
        ...options,
        // Left to itself, Node compares the certificate of an address with the name of the proxy.
        checkServerIdentity: (_name, certificate) => checkServerIdentity(options.host ?? "", certificate),
      } as Target);
      if (request.destroyed) socket.destroy();
      return socket;
    } finally {
      ending?.removeEventListener("abort", end);
    }
  }
}
