/**
 * `vidimus fsck`: everything that is stored, verified again without a server.
 *
 * - Nothing is changed and no lock is taken. A server may run beside it: every repository is seen as it stood at one
 *   instant, and what is published meanwhile is seen or not.
 * - Memory does not grow with the store: names come in pages, each repository is looked at alone, files one at a time.
 * - One damage does not hide another: what cannot be read is told, and the next repository is looked at.
 */
import { SignerError, StoreError } from "../../core/errors.ts";
import type { FormatRules } from "../../core/format/format.ts";
import type { Signer } from "../../signer/signer.ts";
import type { StoreInspection } from "../../store/contract/inspection.ts";
import { type Damage, type Examined, type Report, restore } from "./damage.ts";
import { checkRepository } from "./repository.ts";
import { checkTrail } from "./trail.ts";

export interface FsckParts {
  readonly inspection: StoreInspection;
  readonly format: FormatRules;
  /** Opens the sealed keys by the store's record; undefined: they are not to be opened. */
  readonly openSigner: ((record: Uint8Array) => Promise<Signer>) | undefined;
  /** Now, by a clock that may be behind. */
  readonly at: number;
}

/** Names of one question. */
const page = 200;

/** Tells every damage as it is found. Throws what is no damage: a store that is busy, a secret that cannot be read. */
export async function checkStore(parts: FsckParts, tell: (damage: Damage) => void): Promise<Examined> {
  const { inspection, format } = parts;
  const examined: Examined = { repositories: 0, files: 0, keys: 0 };
  const report: Report = (code, place, sentence) => tell({ code, ...placeOf(place), sentence });
  surviving(report, () => {
    for (const fault of inspection.integrity()) {
      report("DATABASE_DAMAGED", {}, `SQLite finds: ${fault}: ${restore}`);
    }
  });
  // Whoever wrote the latest row was no further than now. What cannot be read of it is told below.
  const at = Math.max(
    parts.at,
    surviving(
      () => {},
      () => inspection.feed().latest,
    ) ?? 0,
  );
  const signer = await openSigner(parts, report);
  try {
    for (let after = "", names: readonly string[] = [""]; names.length > 0; ) {
      names = surviving(report, () => inspection.names(after, page)) ?? [];
      for (const name of names) {
        const scoped: Report = (code, place, sentence) =>
          tell({ code, repository: name, ...placeOf(place), sentence });
        await inspection
          .inspect(name, (rows) => checkRepository(rows, { format, signer, at, examined }, scoped))
          .catch((error: unknown) => unreadable(error, scoped));
      }
      after = names.at(-1) ?? after;
    }
  } finally {
    await signer?.close();
  }
  surviving(report, () => checkFeed(inspection, report));
  surviving(report, () => {
    for (const fault of inspection.outbox()) {
      report(
        "OUTBOX_WRONG",
        {},
        `In the outbox, ${fault}: what it tells may be lost or told twice; ${restore}`,
      );
    }
  });
  surviving(report, () => checkTrail(inspection, report));
  surviving(report, () => {
    for (const fault of inspection.access()) {
      report("ACCESS_WRONG", {}, `Of who may do what, ${fault}: remove it and make it anew, or ${restore}`);
    }
  });
  surviving(report, () => {
    for (const fault of inspection.register()) {
      report(
        "REGISTER_WRONG",
        {},
        `In the register of keys, ${fault}: it says nothing that can be relied on; ${restore}`,
      );
    }
  });
  return examined;
}

/** Role and version, and nothing else that the object has. */
function placeOf({ role, version }: Pick<Damage, "role" | "version">): Pick<Damage, "role" | "version"> {
  return { ...(role !== undefined && { role }), ...(version !== undefined && { version }) };
}

function unreadable(error: unknown, report: Report): void {
  if (!(error instanceof StoreError) || error.code !== "STORE_CORRUPT") throw error;
  report("DATABASE_DAMAGED", {}, `Its rows cannot be read: ${restore}`);
}

function surviving<T>(report: Report, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    unreadable(error, report);
    return undefined;
  }
}

async function openSigner(
  { inspection, openSigner: open }: FsckParts,
  report: Report,
): Promise<Signer | undefined> {
  const record = surviving(report, () => inspection.keyring());
  if (record === undefined) {
    const hasKeys = surviving(report, () => inspection.hasKeys()) ?? false;
    if (hasKeys) {
      const why = `The record that the online keys are sealed under is gone, and none of them opens: ${restore}`;
      report("KEYRING_MISSING", {}, why);
    }
    return undefined;
  }
  if (open === undefined) return undefined;
  try {
    return await open(record);
  } catch (error) {
    if (!(error instanceof SignerError) || !["WRONG_SECRET", "SEALED_KEY_DAMAGED"].includes(error.code))
      throw error;
    const why = `The record that the online keys are sealed under does not open: give the secret that it was made with (signer.secret; after a rekey to another source, that one), or ${restore}`;
    report("KEYRING_UNOPENED", {}, why);
    return undefined;
  }
}

function checkFeed(inspection: StoreInspection, report: Report): void {
  const { rows, highest, given, hole, strays } = inspection.feed();
  if (hole !== undefined && hole <= highest) {
    const why = `The changefeed lacks ${highest - rows} rows, the first of them ${hole}, so whoever follows it missed changes: ${restore}`;
    report("FEED_HOLE", {}, why);
  }
  if (given > highest) {
    const why = `The changefeed ends at row ${highest} and had ${given}: ${restore}`;
    report("FEED_HOLE", {}, why);
  }
  if (strays > 0) {
    report("FEED_WRONG", {}, `${strays} rows of the changefeed are of no repository: ${restore}`);
  }
}
