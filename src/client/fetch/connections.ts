/**
 * The connections of one fetcher: kept alive, opened with the same idea of whom to trust.
 *
 * Invariants: certificates are always verified, whatever the environment says; a host is identified by the name or
 * address that was asked for, through a proxy too; the client certificate is shown to the trust server and the token
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
type SettingsOfConnections = Pick<Settings, "ca" | "clientCertificate" | "realms" | "limits" | "proxies">;

export function createConnections(settings: SettingsOfConnections): Connections {
  const { limits, proxies, realms } = settings;
  /** By the proxy's address; "plain" and "direct" beside them. */
  const agents = new Map<string, Agent>();
  const contexts = new Map<boolean, SecureContext>();
  // Nothing queues in an agent: one that makes its sockets through a proxy forgets its queue when that fails.
  const pool = { keepAlive: true, maxFreeSockets: limits.connections };

  function agentOf(key: string, make: () => Agent): Agent {
    const agent = agents.get(key) ?? make();
    agents.set(key, agent);
    return agent;
  }

  function contextOf(tls: Tls, own: boolean): SecureContext {
    const pair = own ? settings.clientCertificate : undefined;
    const context =
      contexts.get(own) ??
      tls.createSecureContext({
        minVersion: "TLSv1.2",
        ...(settings.ca === undefined ? {} : { ca: settings.ca }),
        ...(pair === undefined ? {} : { cert: pair.certificate, key: pair.key }),
      });
    contexts.set(own, context);
    return context;
  }

  return {
    async to(url) {
      if (isPlain(url)) {
        const http = await import("node:http");
        return { request: http.request, options: { agent: agentOf("plain", () => new http.Agent(pool)) } };
      }
      const [https, tls] = await Promise.all([import("node:https"), import("node:tls")]);
      const tunnel = proxies ? await (await import("./tunnel.ts")).tunnelTo(url) : undefined;
      const agent =
        tunnel === undefined
          ? agentOf("direct", () => new https.Agent(pool))
          : agentOf(tunnel.proxy, () => tunnel.agent(pool));
      return {
        request: https.request,
        options: {
          agent,
          secureContext: contextOf(tls, realms.has(url.origin)),
          rejectUnauthorized: true,
        },
      };
    },
    close() {
      for (const agent of agents.values()) agent.destroy();
      agents.clear();
    },
  };
}
