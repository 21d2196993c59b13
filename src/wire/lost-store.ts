/**
 * A store that is gone must not be taken for a first start: clients would be given new keys and lower versions.
 *
 * A start makes the store before anything else in the data directory, so keys, certificates and tokens without one are what
 * is left of a store that was lost. Where the high-water mark is still there it tells more, and the store is behind it.
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Config } from "../config.ts";
import { StoreError } from "../core/errors.ts";

/** The flag that says that nothing of the lost store is wanted. */
export const beginFlag = "--begin-anew";

const made = ["kek", "kek.new", "tls/ca.key", "tls/server.pem", "operator-token", "token-key.pem"];
const copy = /^vidimus\.sqlite\.schema-[0-9]{4}$/;

/** Throws `STORE_CORRUPT` where a store was, and neither it nor its mark is there. */
export function refuseLost(config: Config, directory: string): void {
  if (config.store.kind === "memory" || hasContent(join(directory, "vidimus.sqlite"))) return;
  if (hasContent(resolve(config.store.highWaterMark ?? join(directory, "high-water-mark")))) return;
  const left = leftIn(directory);
  if (left.length === 0) return;
  throw new StoreError(
    "STORE_CORRUPT",
    `The store vidimus.sqlite is not in the data directory ${directory}, where ${left.join(", ")} of an earlier one ${left.length === 1 ? "lies" : "lie"}: put it back, or restore a backup with \`vidimus backup restore\`, or start once with ${beginFlag} if nothing of it is wanted any more.`,
  );
}

/** Makes an empty store, so that the start that follows finds one. Throws `STORE_CORRUPT` where there is one. */
export async function beginAnew({ data, store }: Config): Promise<void> {
  if (store.kind === "memory") return;
  const directory = resolve(data);
  if (hasContent(join(directory, "vidimus.sqlite"))) {
    throw new StoreError(
      "STORE_CORRUPT",
      `There is a store in ${directory}, which is never given up for a new one: leave ${beginFlag} out, or move vidimus.sqlite away.`,
    );
  }
  const { openSqlite } = await import("../store/sqlite.ts");
  await (await openSqlite({ directory })).close();
}

function leftIn(directory: string): string[] {
  const copies = existsSync(directory) ? readdirSync(directory).filter((name) => copy.test(name)) : [];
  // A log without its store holds commits that were acknowledged; opening a new store would remove it.
  const log = hasContent(join(directory, "vidimus.sqlite-wal")) ? ["vidimus.sqlite-wal"] : [];
  return [...log, ...copies, ...made.filter((name) => existsSync(join(directory, name)))];
}

function hasContent(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0;
}
