/**
 * Compares the versions in package-lock.json with versions that are known to be bad (`tools/advisories.json`), for
 * not every registry answers `npm audit`.
 *
 *   node tools/advisories.ts
 *
 * A row of the table: the package, the name of the advisory, the ranges it affects, and what happens. A range is
 * comparisons that must all hold (`>=4.0.0 <4.8.1`); one range of a row is enough. Rows stay when a package is not
 * used, so that it does not come back in a bad version. The table is kept by hand, and not every range was compared with
 * its advisory: a row is a warning, and its absence is no proof. A version before a release (`4.8.1-rc.1`) comes before it.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { report, root } from "./findings.ts";
import { type Lock, packageName, readLock } from "./lock.ts";

const versionText = /^(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?$/;
const rangeText = /^(?:=\d+\.\d+\.\d+|>=\d+\.\d+\.\d+|<\d+\.\d+\.\d+|>=\d+\.\d+\.\d+ <\d+\.\d+\.\d+)$/;

const tableSchema = z.strictObject({
  advisories: z
    .array(
      z.strictObject({
        package: z.string().min(1),
        id: z.string().min(1),
        affected: z.array(z.string().regex(rangeText)).min(1),
        what: z.string().min(1),
      }),
    )
    .min(1),
});
export type Advisory = z.infer<typeof tableSchema>["advisories"][number];

/** @throws when the text is not a table of advisories. */
export function readAdvisories(text: string): readonly Advisory[] {
  return tableSchema.parse(JSON.parse(text)).advisories;
}

/** Major, minor, patch, and 0 for a version before the release or 1 for the release. @throws on other versions. */
function numbers(version: string): readonly number[] {
  const [, major, minor, patch, before] = versionText.exec(version) ?? [];
  if (major === undefined) throw new Error(`"${version}" is not a version`);
  return [Number(major), Number(minor), Number(patch), before === undefined ? 1 : 0];
}

function compare(a: string, b: string): number {
  const [left, right] = [numbers(a), numbers(b)];
  const place = left.findIndex((number, index) => number !== right[index]);
  return place < 0 ? 0 : (left[place] ?? 0) - (right[place] ?? 0);
}

/** Whether a version lies in a range of the table. */
export function isIn(range: string, version: string): boolean {
  return range.split(" ").every((comparison) => {
    if (comparison.startsWith(">=")) return compare(version, comparison.slice(2)) >= 0;
    if (comparison.startsWith("<")) return compare(version, comparison.slice(1)) < 0;
    return compare(version, comparison.slice(1)) === 0;
  });
}

export function advisoryFindings(lock: Lock, advisories: readonly Advisory[]): readonly string[] {
  return Object.entries(lock.packages).flatMap(([place, { version, name = packageName(place) }]) => {
    return advisories
      .filter((row) => row.package === name && row.affected.some((range) => isIn(range, version ?? "")))
      .map((row) => `${name} ${version}: ${row.id}: ${row.what}`);
  });
}

if (import.meta.main) {
  const lock = readLock(readFileSync(join(root, "package-lock.json"), "utf8"));
  const advisories = readAdvisories(readFileSync(join(root, "tools/advisories.json"), "utf8"));
  report(
    `${Object.keys(lock.packages).length} packages, ${advisories.length} advisories`,
    advisoryFindings(lock, advisories),
  );
}
