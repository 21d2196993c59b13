/** What a backup needs of the store; `wire` gives the real one. */
import type { StoreFacts } from "./manifest.ts";

export interface StoreAccess {
  /**
   * Copies the store of a data directory to a new file, as it is at one instant, while a server may run. Throws
   * `StoreError`.
   */
  copy(directory: string, target: string): Promise<void>;
  /**
   * Reads a copied store without writing beside it: whose it is, whether it is sound, what it holds. Throws
   * `STORE_CORRUPT`, `STORE_NEWER`, `MIGRATION_EDITED` or `STORE_UNAVAILABLE`.
   */
  inspect(file: string): StoreFacts;
  /** Holds a directory until released; throws `STORE_LOCKED` if a server or another backup does. */
  takeLock(directory: string): { release(): void };
}
