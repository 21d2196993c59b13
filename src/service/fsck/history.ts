/**
 * What is remembered of one repository beside its files: the record of changes, its rows of the changefeed, and the
 * floors that keep versions from going back after a removal. Every change has one row in the record; every publication
 * has one timestamp, and that has one row in the changefeed.
 */

import { topRoles } from "../../core/names.ts";
import type { FileRow, RepositoryRows } from "../../store/contract/inspection.ts";
import type { ChangeRecord } from "../../store/contract/store.ts";
import { type Report, restore } from "./damage.ts";
import { fileRows } from "./files.ts";
import { checkFeedRows, checkPairs, checkRecord, feedRows, isImported } from "./record.ts";
import { mergedRows, removedRows } from "./removed.ts";
import { checkTold } from "./trail.ts";

/** `newest`: the newest timestamp. */
export function checkHistory(rows: RepositoryRows, newest: FileRow | undefined, report: Report): void {
  const { repository } = rows;
  if (repository === undefined) return;
  const { alive, revision, incarnation } = repository;
  const { rows: count, highest, removals, lastRemoval } = rows.history();
  if (count !== revision || highest !== revision) {
    const why = `Its record has ${count} changes up to revision ${highest}, and the repository is at revision ${revision}: ${restore}`;
    report("HISTORY_BROKEN", {}, why);
  }
  if (incarnation !== removals + (alive ? 1 : 0)) {
    report(
      "HISTORY_BROKEN",
      {},
      `Its record has ${removals} removals, which do not lead to its present life: ${restore}`,
    );
  }
  checkRecord(rows, report);
  checkTold(rows, report);
  const feed = summarise(rows);
  checkFeedRows(rows, report);
  if (feed.deletions !== removals) {
    const why = `The changefeed tells of ${feed.deletions} deletions and the record of ${removals}: ${restore}`;
    report("FEED_WRONG", {}, why);
  } else if (feed.count === count) checkPairs(rows, report);
  checkAnnouncements(rows, feed.lastDeletion, report);
  checkTimestamps(rows, alive ? lastRemoval : revision, revision, report);
  checkFloors(rows, feed.highestBefore, newest, report);
}

function summarise(rows: RepositoryRows) {
  let count = 0;
  let deletions = 0;
  let lastDeletion = 0;
  /** The highest timestamp announced in earlier incarnations. */
  let highestBefore = 0;
  let highest = 0;
  for (const { id, category, version } of feedRows(rows, 0)) {
    count++;
    highest = Math.max(highest, version);
    if (category !== "deletion") continue;
    deletions++;
    lastDeletion = id;
    highestBefore = highest;
  }
  return { count, deletions, lastDeletion, highestBefore };
}

/** By version: those that are stored, and those that retention has taken away. */
function everyTimestamp(
  rows: RepositoryRows,
): Generator<Pick<FileRow, "role" | "version" | "sha256" | "revision">> {
  return mergedRows(fileRows(rows, "timestamp"), removedRows(rows, "timestamp"));
}

/** Since the last deletion, timestamps and their rows of the changefeed go side by side; of an import only the newest has one. */
function checkAnnouncements(rows: RepositoryRows, lastDeletion: number, report: Report): void {
  const updates = feedRows(rows, lastDeletion);
  let row: ChangeRecord | undefined = updates.next().value ?? undefined;
  for (const file of everyTimestamp(rows)) {
    if (row !== undefined && row.version === file.version && row.sha256 === file.sha256) {
      row = updates.next().value ?? undefined;
      continue;
    }
    if (row !== undefined && file.version < row.version && isImported(rows, file)) continue;
    const why = `The changefeed does not tell of it in its turn, so whoever follows the feed missed it: ${restore}`;
    report("FEED_WRONG", file, why);
    return;
  }
  if (row === undefined) return;
  const why = `The changefeed announces it (row ${row.id}) and it is not stored: ${restore}`;
  report("FEED_WRONG", { role: "timestamp", version: row.version }, why);
}

/** One timestamp for each revision of this life. */
function checkTimestamps(rows: RepositoryRows, before: number, revision: number, report: Report): void {
  let expected = before + 1;
  const missing = (upTo: number) => {
    if (expected >= upTo) return;
    const why = `No timestamp is stored of ${upTo - expected} publications from revision ${expected} on: ${restore}`;
    report("FILE_MISSING", { role: "timestamp" }, why);
  };
  for (const file of everyTimestamp(rows)) {
    missing(file.revision);
    expected = file.revision + 1;
  }
  missing(revision + 1);
}

function checkFloors(
  rows: RepositoryRows,
  highestBefore: number,
  newest: FileRow | undefined,
  report: Report,
): void {
  const floors = rows.floors();
  const forgotten = highestBefore === 0 ? undefined : topRoles.find((role) => !floors.has(role));
  if (forgotten !== undefined) {
    const why = `How far it had got in earlier lives of this name is forgotten: ${restore}`;
    report("FLOOR_WRONG", { role: forgotten }, why);
  }
  const floor = floors.get("timestamp") ?? 0;
  if (floor < highestBefore) {
    const why = `The versions of earlier lives of this name reached ${highestBefore}, and ${floor} is remembered, so that clients could be led back: ${restore}`;
    report("FLOOR_WRONG", { role: "timestamp" }, why);
  }
  if (newest !== undefined && newest.version <= floor) {
    const why = `It is not above ${floor}, which clients have seen, and they refuse it: have its owner publish anew, or ${restore}`;
    report("FLOOR_WRONG", newest, why);
  }
}
