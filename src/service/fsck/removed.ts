/**
 * What retention has taken away: a row for each file, with its digest. It stands where the file stood, so that whatever
 * names the file, and the changefeed, are still complete.
 */
import type { FileRow, RepositoryRows } from "../../store/contract/inspection.ts";
import { type RemovedFile, readRemoval } from "../../store/contract/retention.ts";
import { type Report, restore } from "./damage.ts";
import { page, rowsInOrder } from "./files.ts";
import { recordRows } from "./record.ts";

type Place = Pick<FileRow, "role" | "version" | "sha256" | "revision">;

/** All of a repository, or those of one role. */
export function removedRows(rows: RepositoryRows, role?: string): Generator<RemovedFile> {
  return rowsInOrder((after) => rows.removedFiles(after, page), role);
}

/** Rows of one role from both, by version. */
export function* mergedRows(one: Generator<Place>, other: Generator<Place>): Generator<Place> {
  let [a, b] = [one.next(), other.next()];
  while (a.done !== true || b.done !== true) {
    if (b.done === true || (a.done !== true && a.value.version <= b.value.version)) {
      if (a.done !== true) yield a.value;
      a = one.next();
    } else {
      yield b.value;
      b = other.next();
    }
  }
}

/** `newest`: the newest stored file of each role. */
export function checkRemovedFiles(
  rows: RepositoryRows,
  newest: ReadonlyMap<string, FileRow>,
  report: Report,
): void {
  let count = 0;
  for (const file of removedRows(rows)) {
    const fault = faultOf(rows, file, newest);
    count += 1;
    if (fault === undefined) continue;
    report("REMOVAL_WRONG", file, `Its row says that it was taken away, ${fault}: ${restore}`);
    return;
  }
  const fault = toldFault(rows, count);
  if (fault !== undefined) report("TRAIL_INCOMPLETE", {}, `The audit trail tells ${fault}: ${restore}`);
}

/**
 * The entries of what was taken away in this life, and the rows. Each version that an entry names has its row, of the same
 * instant, and there are as many rows as the entries count: so there is no row that no entry tells of. Of roles that had no room in
 * an entry the number alone is held.
 */
function toldFault(rows: RepositoryRows, count: number): string | undefined {
  let told = 0;
  for (
    let entry = rows.toldRemoval(lastEnd(rows));
    entry !== undefined;
    entry = rows.toldRemoval(entry.number)
  ) {
    const removal = readRemoval(entry.detail);
    if (removal === undefined)
      return `in entry ${entry.number} nothing that can be read of what was taken away`;
    told += removal.files;
    let named = 0;
    for (const { role, versions } of removal.roles) {
      for (const [from, to] of versions) {
        for (let version = from; version <= to; version++) {
          const [row] = rows.removedFiles({ role, version: version - 1 }, 1);
          const isThere = row?.role === role && row.version === version && row.removedAt === entry.at;
          if (!isThere)
            return `in entry ${entry.number} that ${role} ${version} was taken away, and no row says so`;
          named += 1;
        }
      }
    }
    if (named > removal.files) return `in entry ${entry.number} of more files than it counts`;
  }
  return told === count ? undefined : `of ${told} files that were taken away, and there are rows of ${count}`;
}

/** The entry of the last removal of the repository: what was taken away before it is of an earlier life. */
function lastEnd(rows: RepositoryRows): number {
  let last = 0;
  for (const row of recordRows(rows)) if (row.kind === "removal") last = row.audit;
  return last;
}

function faultOf(
  rows: RepositoryRows,
  { role, version, storedAt, revision, removedAt }: RemovedFile,
  newest: ReadonlyMap<string, FileRow>,
): string | undefined {
  if (role === "root") return "and a root never is";
  if (version >= (newest.get(role)?.version ?? 0)) return "and nothing has taken its place";
  const [stored] = rows.files({ role, version: version - 1 }, 1);
  if (stored?.role === role && stored.version === version) return "and it is still there";
  const change = rows.recorded(revision);
  if (change === undefined || change.kind === "removal")
    return "of a revision at which nothing was published";
  if (change.at !== storedAt) return "and dates it otherwise than the record of changes does";
  return removedAt < storedAt ? "before it was stored" : undefined;
}
