/**
 * Holds the folders of `migrations/` together, one folder for each kind of database.
 *
 *   node tools/migrations.ts
 *
 * - A file is `NNNN_words.sql`: anything else would be passed over in silence when the server starts.
 * - Numbers begin at 0001, have no gaps, and none is given twice.
 * - Every folder has the same names: a migration says what changes, and each side does it in its own words.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { report, root } from "./findings.ts";

const pattern = /^([0-9]{4})_[a-z0-9_]+\.sql$/;

/** `folders`: the file names of each folder, by the folder's name. */
export function migrationFindings(folders: ReadonlyMap<string, readonly string[]>): readonly string[] {
  if (folders.size === 0) return ["there are no migrations"];
  const findings = [...folders].flatMap(([folder, names]) => numberFindings(folder, names));
  const all = new Set([...folders.values()].flat());
  for (const [folder, names] of folders) {
    for (const name of [...all].sort()) {
      if (!names.includes(name)) findings.push(`${folder}: ${name} is missing, another folder has it`);
    }
  }
  return findings;
}

function numberFindings(folder: string, names: readonly string[]): string[] {
  if (names.length === 0) return [`${folder}: there are no migrations`];
  const findings: string[] = [];
  let expected = 1;
  for (const name of names.toSorted()) {
    const number = pattern.exec(name)?.[1];
    if (number === undefined) {
      findings.push(`${folder}: ${name} is not named NNNN_words.sql`);
      continue;
    }
    if (Number(number) !== expected) {
      findings.push(`${folder}: ${name} should have the number ${String(expected).padStart(4, "0")}`);
    }
    expected = Number(number) + 1;
  }
  return findings;
}

if (import.meta.main) {
  const base = join(root, "migrations");
  const folders = new Map(readdirSync(base).map((folder) => [folder, readdirSync(join(base, folder))]));
  report(`migrations for ${[...folders.keys()].join(" and ")}`, migrationFindings(folders));
}
