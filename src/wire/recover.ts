/** Accepts a loss: brings together what `service/mark` does with the store, its high-water mark and the sealed keys. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../config.ts";
import { systemClock } from "../service/clock.ts";
import type { Recovered, RecoverParts } from "../service/mark/recover.ts";
import type { Verdict } from "../service/mark/standing.ts";
import type { Signer } from "../signer/signer.ts";
import type { Store } from "../store/contract/store.ts";
import { keySettings, roleSettings } from "./settings.ts";
import { openSigner } from "./signer.ts";
import { openableDirectory, openMark, openStore } from "./store.ts";

/** One repository that had got further than it stands. */
export interface Lost {
  readonly repository: string;
  /** Files of it, a whole life of the name, or its removal. */
  readonly kind: "files" | "life" | "removal";
  /** The newest of each role that are gone. `now`: the version that is current; 0 if there is none. */
  readonly files: readonly {
    readonly role: string;
    readonly version: number;
    readonly sha256: string;
    readonly now: number;
  }[];
}

/** What is told on the way, with the lines that say the same to people. */
export interface RecoverEvents {
  readonly lost: (lost: Lost, line: string) => void;
  /** After all that is lost was told: whether that is accepted. */
  readonly confirm: () => Promise<boolean>;
  readonly recovered: (recovered: Recovered, lines: readonly string[]) => void;
}

/**
 * How it ended. `NOT_BEHIND`: nothing is lost. `NO_MARK`: there is no mark that could tell. `MARK_DAMAGED`: nothing is lost
 * of what can be read of the mark. `UNCONFIRMED`: something is, and nobody accepted that. Nothing was changed in any of
 * these.
 */
export type RecoverCode = "LOSS_ACCEPTED" | "UNCONFIRMED" | "NOT_BEHIND" | "NO_MARK" | "MARK_DAMAGED";

const codes = {
  standing: "NOT_BEHIND",
  unmarked: "NO_MARK",
  damaged: "MARK_DAMAGED",
} as const satisfies Record<Exclude<Verdict, "behind">, RecoverCode>;

/**
 * Accepts what the configured store has lost against its high-water mark, if `confirm` says so when it was shown. Holds
 * the store's lock. Throws what `serve` throws.
 */
export async function recoverStore(config: Config, events: RecoverEvents): Promise<RecoverCode> {
  const { judge } = await import("../service/mark/standing.ts");
  const { findBehind } = await import("../service/mark/behind.ts");
  const { lineOfLoss } = await import("../service/mark/account.ts");
  const directory = openableDirectory(config);
  // Opened only to look, so that none is made where there is none.
  const mark = await openMark(config, directory, true);
  let store: Store | undefined;
  try {
    if (
      !existsSync(join(directory, "vidimus.sqlite")) &&
      mark.position() === undefined &&
      !mark.isDoubtful()
    ) {
      return "NO_MARK";
    }
    store = await openStore({ ...config, server: { ...config.server, readOnly: false } }, directory);
    const verdict = await judge(store, mark);
    if (verdict !== "behind") return codes[verdict];
    for await (const behind of findBehind(store, mark)) {
      const { repository, kind, files } = behind;
      events.lost({ repository, kind, files }, lineOfLoss(behind));
    }
    if (!(await events.confirm())) return "UNCONFIRMED";
    await acceptAll(config, directory, store, events);
    return "LOSS_ACCEPTED";
  } finally {
    await mark.close();
    await store?.close();
  }
}

async function acceptAll(
  config: Config,
  directory: string,
  store: Store,
  { recovered }: RecoverEvents,
): Promise<void> {
  const { renewMark } = await import("../service/mark/standing.ts");
  const { findBehind } = await import("../service/mark/behind.ts");
  const { acceptLoss } = await import("../service/mark/recover.ts");
  const { linesOfRecovery } = await import("../service/mark/account.ts");
  const mark = await openMark(config, directory, false);
  try {
    const signer = await openSigner(config, directory, store, false);
    try {
      const parts = await renewalParts(config, store, signer);
      for await (const behind of findBehind(store, mark)) {
        const each = await acceptLoss(parts, behind);
        recovered(each, linesOfRecovery(each));
      }
    } finally {
      await signer.close();
    }
    await renewMark(store, mark);
  } finally {
    await mark.close();
  }
}

async function renewalParts(config: Config, store: Store, signer: Signer): Promise<RecoverParts> {
  const { notary: format } = await import("../core/format/notary.ts");
  const { OnlineKeys } = await import("../service/online/keys.ts");
  const { OnlineRoles } = await import("../service/online/roles.ts");
  const { TrustedFilesCache } = await import("../service/trusted.ts");
  const keys = new OnlineKeys(store, signer, format, systemClock, keySettings(config));
  const roles = new OnlineRoles(keys, format, roleSettings(config));
  const trusted = new TrustedFilesCache(store, format, config.limits.cacheBytes);
  return { store, format, clock: systemClock, keys, roles, trusted };
}
