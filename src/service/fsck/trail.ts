/**
 * The audit trail: its hashes made again from the first entry on, and that every change of a repository, and every end of a
 * proposal, has the entry that tells of it. What is older than the trail has none, and comes before everything that has.
 *
 * Whoever holds the database can make all hashes again: against that there are heads that were sent out
 * (`vidimus audit verify`).
 */
import { entryHash, startOfTrail } from "../../core/audit-chain.ts";
import type { AuditEntry } from "../../store/contract/audit.ts";
import type {
  HistoryRow,
  ProposalRow,
  RepositoryRows,
  StoreInspection,
} from "../../store/contract/inspection.ts";
import { type Report, restore } from "./damage.ts";
import { recordRows } from "./record.ts";

/** Entries of one question. */
const page = 200;

const imported = "repository.imported";

/** What an entry of a change is called. Whatever else a publication is, it is none of the others. */
const fits: Record<HistoryRow["kind"], (kind: string) => boolean> = {
  publish: (kind) =>
    kind.startsWith("repository.") && !fits.refresh(kind) && !fits.removal(kind) && kind !== imported,
  refresh: (kind) => kind === "repository.renewed",
  import: (kind) => kind === imported,
  removal: (kind) => kind === "repository.removed" || kind === "repository.recovered",
};

/** Tells the first fault, for those behind it follow from it. */
export function checkTrail(inspection: StoreInspection, report: Report): void {
  let last = { number: 0, hash: startOfTrail };
  for (;;) {
    const entries = inspection.trail(last.number, page);
    for (const entry of entries) {
      const fault = entryFault(last, entry);
      if (fault !== undefined) {
        report("TRAIL_BROKEN", {}, `The audit trail ${fault}: ${restore}`);
        return;
      }
      last = entry;
    }
    if (entries.length < page) return;
  }
}

function entryFault(last: Pick<AuditEntry, "number" | "hash">, entry: AuditEntry): string | undefined {
  if (entry.number !== last.number + 1) return `lacks entry ${last.number + 1}`;
  return entryHash(last.hash, entry) === entry.hash
    ? undefined
    : `was altered at entry ${entry.number}, or at the one before`;
}

/** The entries of one repository's changes. Tells the first fault. */
export function checkTold(rows: RepositoryRows, report: Report): void {
  let last = 0;
  let told = 0;
  for (const row of recordRows(rows)) {
    if (row.audit === 0 && last === 0) continue;
    const entry = rows.told(row.audit);
    const isOf = entry !== undefined && entry.repository === rows.name && row.audit > last;
    const isTold =
      isOf && fits[row.kind](entry.kind) && entry.at === row.at && entry.actor.name === row.principal;
    if (!isTold) {
      report(
        "TRAIL_INCOMPLETE",
        {},
        `The audit trail does not tell of revision ${row.revision}, or tells something else: ${restore}`,
      );
      return;
    }
    last = row.audit;
    if (entry.kind !== "repository.recovered") told += 1;
  }
  const entries = rows.toldChanges();
  if (entries === told) return;
  const why = `The audit trail tells of ${entries} changes of it, and the record of changes of ${told}: ${restore}`;
  report("TRAIL_INCOMPLETE", {}, why);
}

/** Why the end of a proposal is not the one that its entry tells of. */
export function endNotTold(rows: RepositoryRows, { id, state, settledAt, audit }: ProposalRow): boolean {
  if (state === "open") return audit !== undefined;
  // Older than the trail.
  if (audit === 0) return false;
  const entry = audit === undefined ? undefined : rows.told(audit);
  return (
    entry?.repository !== rows.name ||
    entry.kind !== `proposal.${state}` ||
    entry.at !== settledAt ||
    !entry.detail.includes(`"proposal":"${id}"`)
  );
}
