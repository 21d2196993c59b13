/**
 * The connections of one fetcher: kept alive, opened with the same idea of whom to trust.
 *
 * Invariants: certificates are always verified, whatever the environment says; a host is identified by the name or
 * address that was asked for, through a proxy too, but for the server of this very machine, which is by its certificate alone; the client certificate is shown to the trust server and the token
 * realms only; plain HTTP never goes through a proxy. Nothing is loaded before the first request.
 */
import type { Agent, ClientRequest } from "node:http";
import type { RequestOptions } from "node:https";
import type { SecureContext } from "node:tls";
import { isPlain } from "./address.ts";
import type { Settings } from "./options.ts";
import type { Ending } from "./tunnel.ts";

/** How to begin one request to a host. */
export interface Way {
  readonly request: (url: URL, options: RequestOptions & Ending) => ClientRequest;
  readonly options: RequestOptions;
}

export interface Connections {
  /** Throws `UNREACHABLE` if the proxy that the environment names cannot be used. */
  to(url: URL): Promise<Way>;
  /** Ends all connections, those in use too. */
  close(): void;
}

type Tls = typeof import("node:tls");
type SettingsOfConnections = Pick<
  Settings,
  "server" | "ca" | "clientCertificate" | "local" | "realms" | "limits" | "proxies"
>;

export function createConnections(settings: SettingsOfConnections): Connections {
  const { limits, proxies, realms, server } = settings;
  /** By the proxy's address; "plain" and "direct" beside them. */
  const agents = new Map<string, Agent>();
  const contexts = new Map<string, SecureContext>();
  // Nothing queues in an agent: one that makes its sockets through a proxy forgets its queue when that fails.
  const pool = { keepAlive: true, maxFreeSockets: limits.connections };

  function agentOf(key: string, make: () => Agent): Agent {
    const agent = agents.get(key) ?? make();
    agents.set(key, agent);
    return agent;
  }

  function contextOf(tls: Tls, own: boolean, local: boolean): SecureContext {
    const pair = own ? settings.clientCertificate : undefined;
    const key = `${own} ${local}`;
    const context =
      contexts.get(key) ??
      tls.createSecureContext({
        minVersion: "TLSv1.2",
        ...(local && { allowPartialTrustChain: true }),
        ...(settings.ca === undefined ? {} : { ca: settings.ca }),
        ...(pair === undefined ? {} : { cert: pair.certificate, key: pair.key }),
      });
    contexts.set(key, context);
    return context;
  }

  /** The server of this machine. */
  function localOf(url: URL): { readonly socketPath?: string } | undefined {
    const { local } = settings;
    if (local === undefined || url.origin !== server.origin) return undefined;
    return local.socket === undefined ? {} : { socketPath: local.socket };
  }

  return {
    async to(url) {
      const local = localOf(url);
      if (isPlain(url)) {
        const http = await import("node:http");
        const agent = agentOf("plain", () => new http.Agent(pool));
        return { request: http.request, options: { agent, ...local } };
      }
      const [https, tls] = await Promise.all([import("node:https"), import("node:tls")]);
      const tunnel =
        proxies && local === undefined ? await (await import("./tunnel.ts")).tunnelTo(url) : undefined;
      const agent =
        tunnel === undefined
          ? agentOf("direct", () => new https.Agent(pool))
          : agentOf(tunnel.proxy, () => tunnel.agent(pool));
      return {
        request: https.request,
        options: {
          agent,
          secureContext: contextOf(tls, realms.has(url.origin), local !== undefined),
          rejectUnauthorized: true,
          ...(local && { ...local, checkServerIdentity: () => undefined }),
        },
      };
    },
    close() {
      for (const agent of agents.values()) agent.destroy();
      agents.clear();
    },
  };
}
