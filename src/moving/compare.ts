/**
 * What several clients kept of one repository, compared: the newest chain that verifies wins, and every disagreement is told.
 *
 * - A chain is made of the roots of all of them, one version after the other without a gap, up to the newest. Of a version that
 *   two of them have with different bytes no choice is made: the repository is left out, for somebody was shown another history.
 * - The rest is one client's set, whole, with delegations from others where their bytes are those that its snapshot names. Of those
 *   sets that verify under the newest root the one with the newest timestamp is taken.
 */
import { sha256Hex } from "../core/bytes.ts";
import { UnauthenticError, VidimusError } from "../core/errors.ts";
import type { FormatRules } from "../core/format/format.ts";
import { type Collection, takeCollection } from "../core/taking-over.ts";
import type { Present } from "./crawl.ts";
import type { Finding } from "./report.ts";
import type { Kept } from "./trust-folder.ts";

export interface Compared {
  /** Undefined: nobody's set verifies, and findings say why. */
  readonly present: Present | undefined;
  /** What was passed over, and whose. */
  readonly findings: readonly Finding[];
}

interface ReadRoot {
  readonly version: number;
  readonly sha256: string;
  readonly bytes: Buffer;
  readonly folder: string;
}

/** Throws `HASH_MISMATCH` where two histories are told. */
export function compareKept(format: FormatRules, kept: readonly Kept[], at: number): Compared {
  const findings: Finding[] = [];
  const repository = kept[0]?.repository ?? "";
  const roots = readRoots(format, kept, findings);
  const newest = Math.max(0, ...roots.keys());
  const chain = chainUpTo(roots, newest);
  const sets: { readonly folder: string; readonly collection: Collection }[] = [];
  for (const { folder, files } of kept) {
    try {
      const given = new Map([...files].filter(([role]) => role !== "root"));
      const collection = takeCollection(
        { format, repository },
        { roots: chain.map(({ bytes }) => bytes), files: listedFiles(format, given, kept) },
        at,
      );
      sets.push({ folder, collection });
    } catch (error) {
      if (!(error instanceof VidimusError)) throw error;
      findings.push({
        code: error.code,
        sentence: `What ${folder} kept is passed over: under the newest root, version ${newest}, it does not verify (${error.message}).`,
      });
    }
  }
  const timestampOf = ({ collection }: (typeof sets)[number]) => collection.trusted.timestamp;
  const versionOf = (set: (typeof sets)[number]) => timestampOf(set)?.signed.version ?? 0;
  sets.sort((a, b) => versionOf(b) - versionOf(a));
  const [best] = sets;
  if (best === undefined) return { present: undefined, findings };
  for (const other of sets.slice(1)) {
    if (versionOf(other) !== versionOf(best) || timestampOf(other)?.sha256 === timestampOf(best)?.sha256)
      continue;
    throw disagreement("timestamp", versionOf(best), best.folder, other.folder);
  }
  const { collection } = best;
  return {
    present: { repository, collection, firstRoot: chain[0]?.version ?? newest },
    findings,
  };
}

/** By version. */
function readRoots(
  format: FormatRules,
  kept: readonly Kept[],
  findings: Finding[],
): ReadonlyMap<number, ReadRoot> {
  const roots = new Map<number, ReadRoot>();
  for (const { folder, files } of kept) {
    const bytes = files.get("root") as Buffer;
    try {
      const { version } = format.parse("root", bytes).signed;
      const read = { version, bytes, folder, sha256: sha256Hex(bytes) };
      const known = roots.get(version);
      if (known !== undefined && known.sha256 !== read.sha256) {
        throw disagreement("root", version, known.folder, folder);
      }
      roots.set(version, known ?? read);
    } catch (error) {
      if (!(error instanceof VidimusError) || error.family !== "malformed") throw error;
      findings.push({
        code: error.code,
        sentence: `The root that ${folder} kept cannot be read: ${error.message}`,
      });
    }
  }
  return roots;
}

function chainUpTo(roots: ReadonlyMap<number, ReadRoot>, newest: number): readonly ReadRoot[] {
  const chain: ReadRoot[] = [];
  for (let version = newest; ; version--) {
    const root = roots.get(version);
    if (root === undefined) return chain;
    chain.unshift(root);
  }
}

/** The set of one client, with those files of others that its own snapshot names. */
function listedFiles(
  format: FormatRules,
  own: ReadonlyMap<string, Buffer>,
  kept: readonly Kept[],
): ReadonlyMap<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const role of ["timestamp", "snapshot"]) {
    const bytes = own.get(role);
    if (bytes !== undefined) files.set(role, bytes);
  }
  const snapshot = own.get("snapshot");
  const listed = snapshot && format.parse("snapshot", snapshot).signed;
  if (listed?.kind !== "snapshot") return files;
  for (const [role, { hashes }] of listed.meta) {
    if (role === "root") continue;
    const wanted = hashes.get("sha256");
    const found = [own.get(role), ...kept.map((each) => each.files.get(role))].find(
      (bytes) => bytes !== undefined && sha256Hex(bytes) === wanted,
    );
    if (found !== undefined) files.set(role, found);
  }
  return files;
}

function disagreement(role: string, version: number, one: string, other: string): UnauthenticError {
  return new UnauthenticError(
    "HASH_MISMATCH",
    `Version ${version} of ${role} in ${one} is not the one in ${other}: somebody was shown another history, so find out with its owner whose is right, and name only folders that have it.`,
    { role },
  );
}
