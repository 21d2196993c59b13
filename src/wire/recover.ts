/** Accepts a loss: brings together what `service/mark` does with the store, its high-water mark and the sealed keys. */
import type { Config } from "../config.ts";
import { systemClock } from "../service/clock.ts";
import type { RecoverParts } from "../service/mark/recover.ts";
import type { Signer } from "../signer/signer.ts";
import type { HighWaterMark } from "../store/mark.ts";
import type { Store } from "../store/store.ts";
import { keySettings, roleSettings } from "./settings.ts";
import { openSigner } from "./signer.ts";
import { openableDirectory, openMark, openStore } from "./store.ts";

/**
 * Accepts what the configured store has lost against its high-water mark, if `confirm` says so when it was shown. Holds
 * the store's lock. Throws what `serve` throws.
 */
export async function recoverStore(
  config: Config,
  { say, confirm }: { readonly say: (line: string) => void; readonly confirm: () => Promise<boolean> },
): Promise<"sound" | "declined" | "accepted"> {
  const { isBehind, renewMark } = await import("../service/mark/standing.ts");
  const { findBehind } = await import("../service/mark/behind.ts");
  const { acceptLoss } = await import("../service/mark/recover.ts");
  const { lineOfLoss, linesOfRecovery } = await import("../service/mark/account.ts");
  const directory = openableDirectory(config);
  const writing = { ...config, server: { ...config.server, readOnly: false } };
  const store = await openStore(writing, directory);
  let mark: HighWaterMark | undefined;
  try {
    mark = await openMark(config, directory, false);
    if (!(await isBehind(store, mark))) return "sound";
    for await (const behind of findBehind(store, mark)) say(lineOfLoss(behind));
    if (!(await confirm())) return "declined";
    const signer = await openSigner(config, directory, store, false);
    try {
      const parts = await renewalParts(config, store, signer);
      for await (const behind of findBehind(store, mark)) {
        for (const line of linesOfRecovery(await acceptLoss(parts, behind))) say(line);
      }
    } finally {
      await signer.close();
    }
    await renewMark(store, mark);
    return "accepted";
  } finally {
    await mark?.close();
    await store.close();
  }
}

async function renewalParts(config: Config, store: Store, signer: Signer): Promise<RecoverParts> {
  const { notary: format } = await import("../core/format/notary.ts");
  const { OnlineKeys } = await import("../service/online-keys.ts");
  const { OnlineRoles } = await import("../service/online-roles.ts");
  const { TrustedFilesCache } = await import("../service/trusted.ts");
  const keys = new OnlineKeys(store, signer, format, systemClock, keySettings(config));
  const roles = new OnlineRoles(keys, format, roleSettings(config));
  const trusted = new TrustedFilesCache(store, format, config.limits.cacheBytes);
  return { store, format, clock: systemClock, keys, roles, trusted };
}
