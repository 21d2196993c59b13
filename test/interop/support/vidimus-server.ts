/** Vidimus as a person starts it: the launcher, a fresh data directory, a free port. */

import { existsSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { start } from "./process.ts";
import type { TrustServer } from "./trust-server.ts";

const launcher = resolve(import.meta.dirname, "../../../bin/vidimus.js");

export async function startVidimus(directory: string): Promise<TrustServer> {
  await mkdir(directory, { recursive: true });
  const readyFile = join(directory, "ready.json");
  const server = await start(
    process.execPath,
    [launcher, "serve", "--data", join(directory, "data"), "--port", "0", "--ready-file", readyFile],
    {
      env: { PATH: process.env.PATH ?? "", HOME: directory },
      cwd: directory,
      log: join(directory, "vidimus.log"),
      ready: () => existsSync(readyFile),
    },
  );
  const ready = JSON.parse(readFileSync(readyFile, "utf8")) as { url: string; ca: string };
  return { kind: "vidimus", url: ready.url, ca: ready.ca, stop: () => server.stop() };
}
