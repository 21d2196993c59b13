/** What a backup needs of the store; `wire` gives the real one. */
import type { StoreFacts } from "./manifest.ts";

/** Stored files whose bytes do not have the digest that was recorded with them. */
export interface Altered {
  readonly count: number;
  /** Some of them: where each belongs. */
  readonly first: readonly {
    readonly repository: string;
    readonly what: string;
    readonly version: number | undefined;
  }[];
}

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
  /**
   * Hashes every file in a copied store that was inspected, and every proposal, against its recorded digest; names the
   * first `most` that differ. Memory does not grow with the store. Rejects with `STORE_CORRUPT` or `STORE_UNAVAILABLE`.
   */
  hash(file: string, most: number): Promise<Altered>;
  /** Holds a directory until released; throws `STORE_LOCKED` if a server or another backup does. */
  takeLock(directory: string): { release(): void };
}
