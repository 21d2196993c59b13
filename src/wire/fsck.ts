/** Verifies the configured store: brings together what `service/fsck` does with the store's rows and the sealed keys. */
import type { Config } from "../config.ts";
import { systemClock } from "../service/clock.ts";
import type { Damage, Examined } from "../service/fsck/damage.ts";
import { openKeyring } from "./signer.ts";
import { openableDirectory } from "./store.ts";

/**
 * Read beside whoever writes it; nothing is changed, not even what a `rekey` that was cut off has left to be done. Throws
 * what `serve` throws for a reader, and `BAD_SECRET` unless the keys are left closed.
 */
export async function fsck(
  config: Config,
  { openKeys }: { readonly openKeys: boolean },
  tell: (damage: Damage) => void,
): Promise<Examined> {
  const { checkStore } = await import("../service/fsck/fsck.ts");
  const { inspectSqlite } = await import("../store/sqlite/inspection.ts");
  const { notary } = await import("../core/format/notary.ts");
  const directory = openableDirectory(config);
  const openSigner = (record: Uint8Array) => openKeyring(config, directory, record, { settle: false });
  const inspection = inspectSqlite(directory);
  try {
    return await checkStore(
      { inspection, format: notary, openSigner: openKeys ? openSigner : undefined, at: systemClock.now() },
      tell,
    );
  } finally {
    inspection.close();
  }
}
