/**
 * What retention has taken away: a row for each file, with its digest. It stands where the file stood, so that whatever
 * names the file, and the changefeed, are still complete.
 */
import type { FileRow, RepositoryRows } from "../../store/inspection.ts";
import type { RemovedFile } from "../../store/retention.ts";
import { type Report, restore } from "./damage.ts";
import { page, rowsInOrder } from "./files.ts";

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
  for (const file of removedRows(rows)) {
    const fault = faultOf(rows, file, newest);
    if (fault === undefined) continue;
    report("REMOVAL_WRONG", file, `Its row says that it was taken away, ${fault}: ${restore}`);
    return;
  }
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
