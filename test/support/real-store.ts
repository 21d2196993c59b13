/** What backups need of the store, from the real one. */
import type { StoreAccess } from "../../src/backup/store-access.ts";
import { copyStore, hashCopy, inspectCopy } from "../../src/store/sqlite/backup.ts";
import { takeLock } from "../../src/store/sqlite/lock.ts";

export const realStore: StoreAccess = {
  copy: copyStore,
  inspect: inspectCopy,
  hash: hashCopy,
  takeLock,
};
