/**
 * The changefeed has no hole. The versions of a name's timestamp are counted on by one with every change and over all
 * its lives, so its rows must be 1, 2, 3 and so on; a past that was read never changes; and what others know of the
 * changes (acknowledged publications and removals, timestamps that were served) must be in it.
 */
import { byRepository, type Feeding, type FeedRow, type Happening, of } from "../history.ts";
import type { Violation } from "../violation.ts";

export function feedViolations(history: readonly Happening[]): Violation[] {
  const feeds = of(history, "feed").sort((a, b) => a.began - b.began);
  const found: Violation[] = [];
  const hole = (sentence: string) => found.push({ code: "FEED_HOLE", sentence });
  for (const [i, feed] of feeds.entries()) {
    numbered(feed.rows, hole);
    const before = feeds.slice(0, i).findLast(({ ended }) => ended < feed.began);
    if (before !== undefined) samePast(before, feed, hole);
  }
  const last = feeds.at(-1);
  if (last !== undefined) holdsEverything(history, last, hole);
  return found;
}

type Report = (sentence: string) => void;

function numbered(rows: readonly FeedRow[], hole: Report): void {
  for (const [i, { id }] of rows.entries()) {
    if (id <= (rows[i - 1]?.id ?? 0)) hole(`row ${id} stands after ${rows[i - 1]?.id}`);
  }
  for (const [repository, own] of byRepository(rows)) {
    const versions = own.filter(({ category }) => category === "update").map(({ version }) => version);
    const wrong = versions.findIndex((version, i) => version !== i + 1);
    if (wrong >= 0) hole(`${repository}: version ${versions[wrong]} stands in place ${wrong + 1}`);
  }
}

function samePast(before: Feeding, after: Feeding, hole: Report): void {
  const changed = before.rows.find((row, i) => text(row) !== text(after.rows[i]));
  if (changed !== undefined) hole(`row ${changed.id} is not what it was at ${before.ended}`);
}

function text(row: FeedRow | undefined): string {
  return row === undefined ? "" : Object.values(row).join(" ");
}

function holdsEverything(history: readonly Happening[], last: Feeding, hole: Report): void {
  const rows = byRepository(last.rows);
  const count = (repository: string, category: FeedRow["category"]) =>
    (rows.get(repository) ?? []).filter((row) => row.category === category).length;
  const known = { publish: "update", remove: "deletion" } as const;
  for (const kind of ["publish", "remove"] as const) {
    const ended = of(history, kind).filter((each) => each.ended < last.began);
    for (const [repository, own] of byRepository(ended)) {
      const least = own.filter(({ outcome }) => outcome === "acknowledged").length;
      const is = count(repository, known[kind]);
      if (is < least) hole(`${repository}: ${is} rows for ${least} acknowledged changes (${kind})`);
      const most = own.filter(({ outcome }) => outcome !== "refused").length;
      if (kind === "remove" && is > most) hole(`${repository}: ${is} deletions where ${most} were asked for`);
    }
  }
  const listed = new Set(
    last.rows.map(({ repository, version, sha256 }) => `${repository} ${version} ${sha256}`),
  );
  for (const view of of(history, "view")) {
    const timestamp = view.files.get("timestamp");
    if (timestamp === undefined || view.ended >= last.began) continue;
    const { version, sha256 } = timestamp;
    if (!listed.has(`${view.repository} ${version} ${sha256}`))
      hole(`${view.repository}: timestamp ${version} was served and is not listed`);
  }
}
