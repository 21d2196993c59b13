/**
 * The audit trail: a chain without a break, one record of everything that was acknowledged, and none of what did not happen.
 *
 * What is not known (whether a change happened that nobody was told of) leaves room between the least and the most. Records of the
 * server's own renewals nobody asked for: of them there are as many as the changefeed has rows, read before and after.
 */
import { type FeedRow, type Happening, of, type Publishing, type Trailing } from "../history.ts";
import type { Violation, ViolationCode } from "../violation.ts";

export function trailViolations(history: readonly Happening[]): Violation[] {
  const found: Violation[] = [];
  const report: Report = (code, sentence) => found.push({ code, sentence });
  const trails = of(history, "trail").sort((a, b) => a.began - b.began);
  for (const [i, trail] of trails.entries()) {
    unbroken(trail, report);
    const before = trails[i - 1];
    if (before !== undefined) extended(before, trail, report);
  }
  const last = trails.at(-1);
  if (last === undefined) return found;
  tellsPublications(history, last, report);
  tellsRemovals(history, last, report);
  tellsKeys(history, last, report);
  tellsTheFeed(history, last, report);
  return found;
}

type Report = (code: ViolationCode, sentence: string) => void;

function unbroken({ after, entries }: Trailing, report: Report): void {
  for (const [i, { number, hash, made }] of entries.entries()) {
    const place = after + i + 1;
    if (number !== place) report("TRAIL_BROKEN", `entry ${number} stands in place ${place}`);
    if (hash !== made) report("TRAIL_BROKEN", `entry ${number} has not the hash that it makes`);
  }
}

function extended(before: Trailing, later: Trailing, report: Report): void {
  const hashes = new Map(later.entries.map(({ number, hash }) => [number, hash]));
  const changed = before.entries.find(
    ({ number, hash }) => number > later.after && hashes.get(number) !== hash,
  );
  if (changed !== undefined)
    report("TRAIL_BROKEN", `entry ${changed.number} is not what it was at ${before.ended}`);
}

/** Changes by what they are, and their records by the same. */
function compare(
  trail: Trailing,
  changes: readonly (Happening & { readonly outcome: string; readonly what: string })[],
  told: readonly string[],
  report: Report,
): void {
  const count = (all: readonly string[], what: string) => all.filter((each) => each === what).length;
  const done = changes
    .filter(({ outcome, ended }) => outcome === "acknowledged" && ended < trail.began)
    .map(({ what }) => what);
  const possible = changes
    .filter(({ outcome, began }) => outcome !== "refused" && began < trail.ended)
    .map(({ what }) => what);
  for (const what of new Set([...done, ...told])) {
    const [least, is, most] = [count(done, what), count(told, what), count(possible, what)];
    if (is < least) report("UNTOLD", `${what}: ${is} records of ${least} acknowledged`);
    if (is > most) report("TOLD_FALSELY", `${what}: ${is} records where ${most} can have happened`);
  }
}

function tellsPublications(history: readonly Happening[], trail: Trailing, report: Report): void {
  const changes = of(history, "publish").map((each) => ({ ...each, what: publicationOf(each) }));
  const told = trail.entries
    .filter(({ kind }) => kind === "repository.published")
    .map(({ repository, files }) => `${repository} ${textOf(files ?? new Map())}`);
  compare(trail, changes, told, report);
}

function publicationOf({ repository, files }: Publishing): string {
  return `${repository} ${textOf(new Map([...files].map(([role, { version }]) => [role, version])))}`;
}

/** Without what the server signs itself: nobody sent it. */
function textOf(versions: ReadonlyMap<string, number>): string {
  return [...versions]
    .filter(([role]) => role !== "timestamp" && role !== "snapshot")
    .map(([role, version]) => `${role} ${version}`)
    .sort()
    .join(", ");
}

function tellsRemovals(history: readonly Happening[], trail: Trailing, report: Report): void {
  const changes = of(history, "remove").map((each) => ({ ...each, what: `${each.repository} removed` }));
  const told = trail.entries
    .filter(({ kind }) => kind === "repository.removed")
    .map(({ repository }) => `${repository} removed`);
  compare(trail, changes, told, report);
}

/** A key that was given out twice was made once. */
function tellsKeys(history: readonly Happening[], trail: Trailing, report: Report): void {
  const asked = of(history, "key");
  // Where nobody wrote down what keys were asked for.
  if (asked.length === 0) return;
  const told = trail.entries.filter(({ kind }) => kind === "key.created");
  const given = asked.filter(({ outcome, ended }) => outcome === "acknowledged" && ended < trail.began);
  for (const id of new Set(given.map(({ repository, keyId }) => `${repository} ${keyId}`))) {
    const is = told.filter(({ repository, keyId }) => `${repository} ${keyId}` === id).length;
    if (is === 0) report("UNTOLD", `the key ${id} was given out`);
    if (is > 1) report("TOLD_FALSELY", `the key ${id}: ${is} records that it was made`);
  }
  for (const repository of new Set(told.map((each) => each.repository))) {
    const most = asked.filter((each) => each.repository === repository && each.outcome !== "refused").length;
    const is = told.filter((each) => each.repository === repository).length;
    if (is > most) report("TOLD_FALSELY", `${repository}: ${is} keys were made where ${most} were asked for`);
  }
}

const categories: Readonly<Record<FeedRow["category"], readonly string[]>> = {
  update: ["repository.published", "repository.renewed"],
  deletion: ["repository.removed"],
};

function tellsTheFeed(history: readonly Happening[], trail: Trailing, report: Report): void {
  const feeds = of(history, "feed").sort((a, b) => a.began - b.began);
  const before = feeds.findLast(({ ended }) => ended < trail.began);
  const after = feeds.find(({ began }) => began > trail.ended);
  // A trail that is read from its middle tells of less than the feed has.
  if (trail.after > 0) return;
  const names = [before, after].flatMap((feed) => feed?.rows.map(({ repository }) => repository) ?? []);
  const repositories = new Set([...names, ...trail.entries.map(({ repository }) => repository)]);
  for (const repository of repositories) {
    for (const category of ["update", "deletion"] as const) {
      const rows = (feed: typeof before) =>
        feed?.rows.filter((row) => row.repository === repository && row.category === category).length;
      const told = trail.entries.filter(
        (entry) => entry.repository === repository && categories[category].includes(entry.kind),
      ).length;
      const what = `${repository}: ${told} records (${category})`;
      if (told < (rows(before) ?? 0)) report("UNTOLD", `${what} where ${rows(before)} are in the changefeed`);
      if (told > (rows(after) ?? Number.POSITIVE_INFINITY))
        report("TOLD_FALSELY", `${what} where ${rows(after)} are in the changefeed`);
    }
  }
}
