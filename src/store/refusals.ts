/** Refusals that every back end utters in the same words. */
import { StoreError } from "../core/errors.ts";

/** Somebody else gave the record that they are sealed under another secret (`Store.replaceKeyring`). */
export function keyringMoved(): StoreError {
  return new StoreError(
    "CONFLICT",
    "The record that the online keys are sealed under was changed by somebody else: nothing was changed; try again.",
  );
}

/** Online keys without the record that they are sealed under (`Store.createKeyring`). */
export function keyringLost(): StoreError {
  return new StoreError(
    "STORE_CORRUPT",
    "The store holds online keys, but the record that they are sealed under is gone: restore a backup of the whole store.",
  );
}
