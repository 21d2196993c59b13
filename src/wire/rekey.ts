/**
 * Seals the online keys under another key-encryption secret, with the server stopped: the lock of the data directory is
 * held from the first look to the last step.
 */
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Config } from "../config.ts";
import { SignerError, StoreError } from "../core/errors.ts";
import { systemClock } from "../service/clock.ts";
import { ownPrincipal } from "../service/principal.ts";
import { recordOf } from "../service/trail/record.ts";
import { secretSource } from "./signer.ts";
import { openStore } from "./store.ts";

export interface Rekeyed {
  /** Absolute path of the data directory. */
  readonly directory: string;
  /** Copies of the store, by name, whose keys are still sealed under the old secret. */
  readonly olderCopies: readonly string[];
}

/**
 * `newSource`: where the new secret lies; without it a random key takes the place of the present key file. `told`: each
 * step when it is done (`signer/sealed/exchange.ts`), for tests.
 *
 * Throws `StoreError` and `SignerError`.
 */
export async function rekey(
  config: Config,
  newSource: string | undefined,
  told?: (step: string) => void,
): Promise<Rekeyed> {
  const directory = resolve(config.data);
  if (config.store.kind !== "sqlite" || !existsSync(join(directory, "vidimus.sqlite"))) {
    throw new StoreError(
      "STORE_UNAVAILABLE",
      "There is no store in the data directory whose keys could be sealed anew: name the directory of a server with --data.",
    );
  }
  const { exchangeSecret } = await import("../signer/sealed.ts");
  const store = await openStore({ ...config, server: { ...config.server, readOnly: false } }, directory);
  try {
    const record = await store.keyring();
    if (record === undefined) {
      throw new SignerError(
        "BAD_SECRET",
        "No online key was ever sealed in this store: start the server with the secret of your choice.",
      );
    }
    await exchangeSecret({
      source: secretSource(config, directory),
      newSource,
      record,
      replace: (resealed) =>
        store.replaceKeyring({
          expected: record,
          record: resealed,
          audit: recordOf({ at: systemClock.now(), principal: ownPrincipal, kind: "keyring.replaced" }),
        }),
      ...(told === undefined ? {} : { testingOnlyStep: told }),
    });
  } finally {
    await store.close();
  }
  const olderCopies = readdirSync(directory).filter((name) => name.startsWith("vidimus.sqlite.schema-"));
  return { directory, olderCopies };
}
