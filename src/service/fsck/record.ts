/**
 * The record of changes row by row, beside the changefeed: each change has one row in both, so dates and kinds agree from
 * the first life of a name on. Only what vouches for it can be seen: that another person is named in the record cannot.
 */
import type { FileRow, HistoryRow, RepositoryRows } from "../../store/contract/inspection.ts";
import type { ChangeRecord } from "../../store/contract/store.ts";
import { type Report, restore } from "./damage.ts";

/** Rows of one question. */
const page = 500;
/** Characters of a name in the record. */
const maxPrincipal = 255;
/** Who renews. */
const ourselves = "vidimus";

const digest = /^[0-9a-f]{64}$/;

export function* feedRows(rows: RepositoryRows, after: number): Generator<ChangeRecord> {
  for (let last = after; ; ) {
    const found = rows.changes(last, page);
    yield* found;
    if (found.length < page) return;
    last = found.at(-1)?.id ?? last;
  }
}

export function* recordRows(rows: RepositoryRows): Generator<HistoryRow> {
  for (let last = 0; ; ) {
    const found = rows.record(last, page);
    yield* found;
    if (found.length < page) return;
    last = found.at(-1)?.revision ?? last;
  }
}

/** The rows themselves. The first fault is told, for those behind it may follow from it. */
export function checkRecord(rows: RepositoryRows, report: Report): void {
  let incarnation = 1;
  for (const row of recordRows(rows)) {
    const fault = faultOf(row, incarnation);
    if (fault !== undefined) {
      report("HISTORY_BROKEN", {}, `The record of its revision ${row.revision} ${fault}: ${restore}`);
      return;
    }
    if (row.kind === "removal") incarnation++;
  }
}

/** Whether a file was made elsewhere and taken over. */
export function isImported(rows: RepositoryRows, { revision }: Pick<FileRow, "revision">): boolean {
  return rows.recorded(revision)?.kind === "import";
}

export function isPrincipal(name: string): boolean {
  return name !== "" && name.length <= maxPrincipal && name.isWellFormed();
}

function faultOf({ incarnation, kind, principal }: HistoryRow, expected: number): string | undefined {
  if (incarnation !== expected) return `counts it to life ${incarnation}, and it is of life ${expected}`;
  if (!isPrincipal(principal)) {
    return "names nobody who made it";
  }
  return kind === "refresh" && principal !== ourselves
    ? "names somebody else than the server, which alone renews"
    : undefined;
}

/**
 * A file against the change that brought it. A renewal makes online roles and no others, and a publication never those
 * alone. `isRenewed`: this server made it, with nothing new below it.
 */
export function checkMade(rows: RepositoryRows, file: FileRow, isRenewed: boolean, report: Report): void {
  const change = rows.recorded(file.revision);
  if (change === undefined || change.kind === "removal") {
    const why = `Its row says revision ${file.revision}, at which nothing was published: ${restore}`;
    report("FILE_MISLABELLED", file, why);
    return;
  }
  if (change.at !== file.storedAt) {
    const why = `Its row dates it otherwise than the record of changes does, at revision ${file.revision}: ${restore}`;
    report("DATE_WRONG", file, why);
  }
  // What was made elsewhere came in any mixture.
  if (change.kind === "import") return;
  const isOnline = file.role === "timestamp" || file.role === "snapshot";
  const isRenewal = change.kind === "refresh";
  if (isRenewal ? isOnline : !isRenewed) return;
  const kind = isRenewal ? "a renewal" : "a publication";
  const why = `The record of changes calls revision ${file.revision} ${kind}, which its files are not: ${restore}`;
  report("HISTORY_BROKEN", file, why);
}

/** Record and changefeed side by side. Both must have the same number of rows. */
export function checkPairs(rows: RepositoryRows, report: Report): void {
  const feed = feedRows(rows, 0);
  for (const { revision, at, kind } of recordRows(rows)) {
    const row: ChangeRecord | undefined = feed.next().value ?? undefined;
    if (row === undefined) return;
    const place = row.category === "update" ? { role: "timestamp", version: row.version } : {};
    if ((kind === "removal") !== (row.category === "deletion")) {
      const why = `The changefeed calls revision ${revision} a change of another kind than the record does (row ${row.id}): ${restore}`;
      report("FEED_WRONG", place, why);
      return;
    }
    if (row.at === at) continue;
    const why = `The changefeed dates it otherwise than the record of changes does, at revision ${revision} (row ${row.id}): ${restore}`;
    report("DATE_WRONG", place, why);
    return;
  }
}

/** Rows of the changefeed by themselves: versions rise for ever, across lives, and a deletion has none. */
export function checkFeedRows(rows: RepositoryRows, report: Report): void {
  let highest = 0;
  for (const { id, category, version, sha256 } of feedRows(rows, 0)) {
    const isSound =
      category === "deletion" ? version === 0 && sha256 === "" : version > highest && digest.test(sha256);
    if (!isSound) {
      const what =
        category === "deletion" ? "a deletion with a file" : "a version that does not rise, or no digest";
      const why = `Row ${id} of the changefeed is ${what}: ${restore}`;
      report("FEED_WRONG", category === "deletion" ? {} : { role: "timestamp", version }, why);
      return;
    }
    highest = Math.max(highest, version);
  }
}
