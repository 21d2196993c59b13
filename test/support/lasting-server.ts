/** The whole server on a data directory that outlives it, over plain HTTP: to be stopped, restored and started again. */
import pino from "pino";
import { loadConfig } from "../../src/config.ts";
import { serve } from "../../src/wire.ts";
import { type Answer, HttpClient, type RequestOptions } from "./client.ts";
import { multipart, multipartType, parts } from "./multipart.ts";
import { type Files, listed, newKey, Owner } from "./publisher.ts";

export interface LastingServer {
  /** Lines of the log, at level info. */
  readonly log: readonly string[];
  request(path: string, options?: RequestOptions): Promise<Answer>;
  file(repository: string, name: string): Promise<Answer>;
  publish(repository: string, files: Files): Promise<Answer>;
  remove(repository: string): Promise<Answer>;
  owner(repository: string, snapshot?: "server" | "client"): Promise<Owner>;
  stop(): Promise<void>;
}

/** `settings`: configuration keys beside data and port. */
export async function lastingServer(
  data: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<LastingServer> {
  const given = { data, "server.port": "0", "server.plainHttp": "true", ...settings };
  const flags = Object.entries(given).map(([key, text]) => ({ flag: "--set", key, text }));
  const { config } = loadConfig({ flags, env: {}, readFile: () => "" });
  const log: string[] = [];
  const logger = pino({ level: "info" }, { write: (line: string) => void log.push(line) });
  const server = await serve(config, logger);
  const client = new HttpClient(server.port ?? 0);
  const tuf = (repository: string) => `/v2/${repository}/_trust/tuf/`;

  async function key(repository: string, role: string) {
    const { body } = await client.request(`${tuf(repository)}${role}.key`);
    const { keytype, keyval } = JSON.parse(body.toString("utf8"));
    return listed(keytype, keyval.public);
  }

  return {
    log,
    request: (path, options) => client.request(path, options),
    file: (repository, name) => client.request(`${tuf(repository)}${name}`),
    publish: (repository, files) =>
      client.request(tuf(repository), {
        method: "POST",
        headers: { "content-type": multipartType },
        body: multipart(parts(files)),
      }),
    remove: (repository) => client.request(tuf(repository), { method: "DELETE" }),
    owner: async (repository, snapshot = "server") =>
      await Owner.make(repository, {
        at: Date.now(),
        timestamp: await key(repository, "timestamp"),
        snapshot: snapshot === "server" ? await key(repository, "snapshot") : newKey(),
      }),
    async stop() {
      client.close();
      await server.stop();
    },
  };
}
