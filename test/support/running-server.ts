/** The whole server inside the test's process: memory store, TLS, a free port; closed when the test file ends. */
import { readFileSync } from "node:fs";
import pino from "pino";
import { afterAll } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { serve } from "../../src/wire.ts";
import type { TrustServer } from "./bare/exchange.ts";
import { temporaryDirectory } from "./directory.ts";

const closers: (() => Promise<void>)[] = [];

afterAll(async () => {
  for (const close of closers.splice(0)) await close();
});

/** `settings`: configuration keys beside data, port and store. */
export async function runningServer(settings: Readonly<Record<string, string>> = {}): Promise<TrustServer> {
  const given = { data: temporaryDirectory(), "server.port": "0", "store.kind": "memory", ...settings };
  const flags = Object.entries(given).map(([key, text]) => ({ flag: "--set", key, text }));
  const { config } = loadConfig({ flags, env: {}, readFile: () => "" });
  const server = await serve(config, pino({ level: "silent" }));
  closers.push(() => server.stop());
  if (server.authority === undefined) throw new Error("The server made no authority.");
  return { url: server.url, ca: readFileSync(server.authority.file, "utf8") };
}
