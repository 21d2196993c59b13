/** Vidimus as a person starts it: the launcher, a fresh data directory, a free port. */

import { existsSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { start } from "./process.ts";
import type { TrustServer } from "./trust-server.ts";

const root = resolve(import.meta.dirname, "../../..");

export interface VidimusOptions {
  /** More flags of `serve`. */
  readonly flags?: readonly string[];
  /** A program with its arguments that starts it. */
  readonly through?: readonly string[];
  /** Flags for Node itself, which the launcher takes none of: the entry is then started without it. */
  readonly node?: readonly string[];
}

/** The directory may hold the data of an earlier run. */
export async function startVidimus(directory: string, options: VidimusOptions = {}): Promise<TrustServer> {
  await mkdir(directory, { recursive: true });
  const readyFile = join(directory, "ready.json");
  const entry = options.node ? [...options.node, join(root, "src/main.ts")] : [join(root, "bin/vidimus.js")];
  const [program = "", ...args] = [...(options.through ?? []), process.execPath, ...entry, "serve"];
  const place = ["--data", join(directory, "data"), "--port", "0", "--ready-file", readyFile];
  const server = await start(program, [...args, ...place, ...(options.flags ?? [])], {
    env: { PATH: process.env.PATH ?? "", HOME: directory },
    cwd: directory,
    log: join(directory, "vidimus.log"),
    ready: () => existsSync(readyFile),
  });
  const ready = JSON.parse(readFileSync(readyFile, "utf8")) as { url: string; ca?: string };
  return {
    kind: "vidimus",
    url: ready.url,
    ca: ready.ca ?? "",
    pids: [server.pid],
    stop: () => server.stop(),
  };
}
