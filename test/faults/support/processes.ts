/** The processes of a server with workers, as the system knows them; they are its own children and nobody else's. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Daemon, Running } from "./daemon.ts";

export interface Family {
  readonly writer: number;
  readonly readers: readonly number[];
}

const patience = 60_000;

/** Ends a server at once, and resolves when its other processes, which see that it is gone, are gone as well. */
export async function killFamily(server: Running, { writer, readers }: Family): Promise<void> {
  await server.kill();
  for (const end = performance.now() + patience; performance.now() < end; await setTimeout(5)) {
    if (![writer, ...readers].some(isAlive)) return;
  }
  throw new Error(`processes are left: ${server.log()}`);
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

/** The children that live; which of them writes is in the data directory. Undefined: there is no writer now. */
function familyOf(server: Running, daemon: Daemon): Family | undefined {
  const children = readFileSync(`/proc/${server.pid}/task/${server.pid}/children`, "utf8")
    .split(" ")
    .filter((word) => word !== "")
    .map(Number);
  const writer = Number(readFileSync(join(daemon.data, "server.pid"), "utf8"));
  return children.includes(writer)
    ? { writer, readers: children.filter((pid) => pid !== writer) }
    : undefined;
}

/** Resolves when there are a writer and so many readers, none of them one of `gone`. */
export async function wholeFamily(
  server: Running,
  daemon: Daemon,
  readers: number,
  gone: readonly number[] = [],
): Promise<Family> {
  for (const end = performance.now() + patience; performance.now() < end; await setTimeout(5)) {
    const family = familyOf(server, daemon);
    if (family === undefined || family.readers.length !== readers) continue;
    if (![family.writer, ...family.readers].some((pid) => gone.includes(pid))) return family;
  }
  throw new Error(`the server has not all of its processes: ${server.log()}`);
}
