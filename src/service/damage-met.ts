/**
 * Damage of the store that this process has met since it was started: bytes that no longer have their digest, files that no
 * longer verify, rows that cannot be read. It does not heal by itself, so the count never goes back.
 */
import { StoreError } from "../core/errors.ts";

export class DamageMet {
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Counts the error if it tells of damage. */
  note(error: unknown): void {
    if (error instanceof StoreError && error.code === "STORE_CORRUPT") this.#count++;
  }
}
