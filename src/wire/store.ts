/** Opens what this configuration keeps in its data directory: the store, and the high-water mark beside it. */
import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Config } from "../config.ts";
import { StoreError } from "../core/errors.ts";
import { prepareDirectory } from "../serve/files.ts";
import type { Store } from "../store/contract/store.ts";
import type { HighWaterMark } from "../store/mark.ts";
import { secretFile } from "./signer.ts";

/** Throws what the back end throws when it is opened. */
export async function openStore(config: Config, directory: string): Promise<Store> {
  switch (config.store.kind) {
    case "memory": {
      const { openMemory } = await import("../store/memory.ts");
      return openMemory();
    }
    case "sqlite": {
      const { openSqlite } = await import("../store/sqlite.ts");
      refuseEmptied(directory);
      return openSqlite({ directory, readOnly: config.server.readOnly });
    }
  }
}

/** Throws `STORE_UNWRITABLE`. */
export async function openMark(config: Config, directory: string, readOnly: boolean): Promise<HighWaterMark> {
  const { openMarkFile } = await import("../store/mark-file.ts");
  const path = config.store.highWaterMark ?? join(directory, "high-water-mark");
  return await openMarkFile({ path: resolve(path), readOnly });
}

/** Of a store that can be opened by a command. Throws `DATA_UNUSABLE`, `STORE_UNAVAILABLE`. */
export function openableDirectory(config: Config): string {
  if (config.store.kind === "sqlite") return prepareDirectory(config.data, true);
  throw new StoreError(
    "STORE_UNAVAILABLE",
    "store.kind is memory, which is empty outside its server: name the configuration of a store that is kept.",
  );
}

/** Throws `STORE_LOCKED` if a server that writes runs in the data directory of this one, which would write too. */
export async function refuseRunning({ data, store, server }: Config): Promise<void> {
  const directory = resolve(data);
  if (store.kind === "memory" || server.readOnly || !existsSync(join(directory, "lock.db"))) return;
  const { takeLock } = await import("../store/sqlite/lock.ts");
  takeLock(directory).release();
}

/**
 * A store that has a secret is never empty: what was in it was lost, and must not be taken for a first start. An empty
 * file alone is what a first start leaves that was cut off.
 */
function refuseEmptied(directory: string): void {
  const store = join(directory, "vidimus.sqlite");
  if (!existsSync(store) || !existsSync(join(directory, secretFile)) || statSync(store).size !== 0) return;
  throw new StoreError(
    "STORE_CORRUPT",
    `vidimus.sqlite in the data directory is empty beside ${secretFile}, the secret of the store that it was: restore a backup of it, or start once with --begin-anew if nothing of it is wanted any more.`,
  );
}
