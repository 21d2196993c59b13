/** The stock `notary` client, where it is installed: does it see what we published? */
import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { DemoServer } from "./server.ts";

const run = promisify(execFile);
const time = 30_000;

export async function isStockClientThere(): Promise<boolean> {
  try {
    await run("notary", ["version"], { timeout: time });
    return true;
  } catch {
    return false;
  }
}

/** Tag → digest as `notary list` prints them. Its cache and home are under `directory`. */
export async function stockList(
  server: DemoServer,
  repository: string,
  directory: string,
): Promise<ReadonlyMap<string, string>> {
  const home = join(directory, "stock");
  mkdirSync(home, { recursive: true });
  const { stdout } = await run(
    "notary",
    ["-s", server.url, "--tlscacert", server.caFile, "-d", join(home, "trust"), "list", repository],
    { timeout: time, cwd: home, env: { PATH: process.env.PATH, HOME: home } },
  );
  const rows = stdout.split("\n").map((line) => line.trim().split(/\s+/));
  return new Map(
    rows.flatMap(([tag, digest]) =>
      tag !== undefined && digest !== undefined && /^[0-9a-f]{64}$/.test(digest)
        ? [[tag, digest] as const]
        : [],
    ),
  );
}
