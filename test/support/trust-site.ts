/**
 * Simulated repositories behind a real HTTP server on loopback, for clients to be tested against: honest until a test
 * breaks a simulator (`sim.break`) or takes an answer into its own hands (`site.answer`).
 *
 * Files that are asked for by checksum are given as the simulator serves their role, whatever checksum was asked for: it
 * is the client's business to notice.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { sha256Hex } from "../../src/core/bytes.ts";
import type { Simulator } from "./simulator.ts";

/** Answers a request itself; returns false to leave it to the simulator. */
export type Answering = (file: string, response: ServerResponse, request: IncomingMessage) => boolean;

export interface TrustSite {
  readonly url: string;
  /** Files asked for since `forgetRequests`, in order: `timestamp.json`. */
  readonly asked: readonly string[];
  answer: Answering;
  add(sim: Simulator): void;
  forgetRequests(): void;
  close(): Promise<void>;
}

export function startSite(...sims: readonly Simulator[]): Promise<TrustSite> {
  return start("http", createServer(), sims);
}

/** The same over TLS. */
export function startSecureSite(
  { cert, key }: { readonly cert: string; readonly key: string },
  ...sims: readonly Simulator[]
): Promise<TrustSite> {
  return start("https", createSecureServer({ cert, key }), sims);
}

/** Answers requests by checksum with the very file of any generation, as trust servers do. */
export function byChecksum(sim: Simulator): Answering {
  return (file, response) => {
    const [, role = "", sha256] = /^(.+)\.([0-9a-f]{64})\.json$/.exec(file) ?? [];
    const files = sim.generations.map((generation) => generation.get(role));
    const bytes = files.find((each) => each !== undefined && sha256Hex(each) === sha256);
    if (bytes === undefined) return false;
    response.writeHead(200, { "content-length": bytes.length }).end(bytes);
    return true;
  };
}

async function start(scheme: string, server: Server, sims: readonly Simulator[]): Promise<TrustSite> {
  const byName = new Map(sims.map((sim) => [sim.repository, sim]));
  const asked: string[] = [];
  server.on("request", (request, response) => {
    const [, repository = "", file = ""] = /^\/v2\/(.+)\/_trust\/tuf\/(.+)$/.exec(request.url ?? "") ?? [];
    asked.push(file);
    if (site.answer(file, response, request)) return;
    const sim = byName.get(repository);
    const bytes = sim && fileOf(sim, file);
    if (bytes === undefined)
      response.writeHead(404, { "content-type": "application/json" }).end('{"errors":[]}');
    else response.writeHead(200, { "content-length": bytes.length }).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const site: TrustSite = {
    url: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    answer: () => false,
    add: (sim) => void byName.set(sim.repository, sim),
    forgetRequests: () => void asked.splice(0),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return site;
}

function fileOf(sim: Simulator, file: string): Buffer | undefined {
  const root = /^([1-9][0-9]*)\.root\.json$/.exec(file)?.[1];
  if (root !== undefined) return sim.roots.get(Number(root));
  const role = /^(.+?)(?:\.[0-9a-f]{64})?\.json$/.exec(file)?.[1];
  return role === undefined ? undefined : sim.served.get(role);
}
