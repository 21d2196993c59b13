/**
 * What several clients kept of one repository, compared: the newest chain that verifies wins, and every disagreement is told.
 *
 * - A chain is made of the roots of all of them, one version after the other without a gap, up to the newest. Of a version that
 *   two of them have with different bytes no choice is made: the repository is left out, for somebody was shown another history.
 * - The rest is one client's set, whole, with delegations from others where their bytes are those that its snapshot names. Of those
 *   sets that verify under the newest root the one with the newest timestamp is taken.
 * - A set that verifies under the root that its own client trusted is older and no more: it is noted. Whatever two such sets hold
 *   of one version must be the same, or no choice is made either.
 * - What nobody signed is no history that anybody was shown: it is damaged or was changed, and is a finding that names its folder,
 *   also where somebody else's copy is taken in its place.
 */
import { sha256Hex } from "../core/bytes.ts";
import { UnauthenticError, VidimusError } from "../core/errors.ts";
import type { FormatRules } from "../core/format/format.ts";
import { type Collection, takeCollection } from "../core/taking-over.ts";
import { TrustedSet } from "../core/trusted-set.ts";
import { verifyRole } from "../core/verify.ts";
import type { Present } from "./crawl.ts";
import type { Finding } from "./report.ts";
import type { Kept } from "./trust-folder.ts";

export interface Compared {
  /** Undefined: nobody's set verifies, and findings say why. */
  readonly present: Present | undefined;
  /** What does not verify, and whose. */
  readonly findings: readonly Finding[];
  readonly notes: readonly string[];
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
  for (const { folder, unread } of kept) {
    for (const [role, why] of unread)
      findings.push({
        code: "COPY_UNREAD",
        sentence: `The ${role} that ${folder} kept was not read: ${why}.`,
      });
  }
  const roots = readRoots({ format, repository }, kept, at, findings);
  const newest = Math.max(0, ...roots.keys());
  const chain = chainUpTo(roots, newest);
  const sets: VerifiedSet[] = [];
  const older: VerifiedSet[] = [];
  for (const { folder, files } of kept) {
    const under = (version: number): VerifiedSet => {
      const given = new Map([...files].filter(([role]) => role !== "root"));
      const ofChain = chain.filter((root) => root.version <= version);
      const known = ofChain.length > 0 ? ofChain : chainUpTo(roots, version);
      const collection = takeCollection(
        { format, repository },
        { roots: known.map(({ bytes }) => bytes), files: listedFiles(format, given, kept) },
        at,
      );
      return { folder, files, collection };
    };
    try {
      sets.push(under(newest));
    } catch (error) {
      if (!(error instanceof VidimusError)) throw error;
      const ownRoot = files.get("root");
      const own = ownRoot && [...roots.values()].find(({ sha256 }) => sha256 === sha256Hex(ownRoot));
      const set =
        own === undefined || own.version === newest ? undefined : verified(() => under(own.version));
      if (set !== undefined) older.push(set);
      else
        findings.push({
          code: error.code,
          sentence: `What ${folder} kept is passed over: under the newest root, version ${newest}, it does not verify (${error.message}).`,
        });
    }
  }
  refuseDisagreements([...sets, ...older]);
  for (const set of [...sets, ...older]) findings.push(...damagesIn(format, set, at));
  sets.sort((a, b) => versionOf(b) - versionOf(a));
  const [best, ...others] = sets;
  const notes = notesOf([...others.filter((set) => versionOf(set) < (best ? versionOf(best) : 0)), ...older]);
  if (best === undefined) {
    const what = older.map(({ folder }) => folder).slice(0, mostNamed);
    if (older.length > 0)
      findings.push({
        code: "SNAPSHOT_INCOMPLETE",
        sentence: `Nobody kept what belongs to the newest root, version ${newest}: of ${what.join(", ")} each goes with an older one. Find somebody who read it since, or name only folders without that root.`,
      });
    return { present: undefined, findings, notes };
  }
  const { collection } = best;
  return {
    present: { repository, collection, firstRoot: chain[0]?.version ?? newest },
    findings,
    notes,
  };
}

interface VerifiedSet {
  readonly folder: string;
  /** As they were kept, of which others may have been taken. */
  readonly files: ReadonlyMap<string, Buffer>;
  readonly collection: Collection;
}

/** Folders that one sentence names. */
const mostNamed = 5;

function verified(verify: () => VerifiedSet): VerifiedSet | undefined {
  try {
    return verify();
  } catch (error) {
    if (error instanceof VidimusError) return undefined;
    throw error;
  }
}

function versionOf({ collection }: VerifiedSet): number {
  return collection.trusted.timestamp?.signed.version ?? 0;
}

function refuseDisagreements(sets: readonly VerifiedSet[]): void {
  const known = new Map<string, { readonly sha256: string; readonly folder: string }>();
  for (const { folder, collection } of sets) {
    for (const { role, signed, sha256 } of collection.files) {
      const key = `${signed.version} ${role}`;
      const other = known.get(key);
      if (other !== undefined && other.sha256 !== sha256)
        throw disagreement(role, signed.version, other.folder, folder);
      known.set(key, { sha256, folder });
    }
  }
}

/** What a client kept that is not what its own snapshot names, and that nobody signed. Throws `HASH_MISMATCH`. */
function damagesIn(format: FormatRules, { folder, files, collection }: VerifiedSet, at: number): Finding[] {
  const findings: Finding[] = [];
  for (const { role, sha256, signed } of collection.files) {
    const own = files.get(role);
    if (own === undefined || sha256Hex(own) === sha256) continue;
    try {
      const other = format.parse(role, own);
      if (collection.trusted.targets.has(role)) {
        verifyRole(other, collection.trusted.keysOf(role), { at, expiry: "ignored" });
        // Signed, and of another time: a client may be late with a delegation.
        if (other.signed.version === signed.version)
          throw disagreement(role, signed.version, folder, "another folder");
      }
    } catch (error) {
      if (!(error instanceof VidimusError) || error.code === "HASH_MISMATCH") throw error;
      findings.push({
        code: error.code,
        sentence: `The ${role} that ${folder} kept is damaged or was changed (${error.message}): that of another folder was taken in its place.`,
      });
    }
  }
  return findings;
}

function notesOf(passedOver: readonly VerifiedSet[]): string[] {
  if (passedOver.length === 0) return [];
  const folders = passedOver.map(({ folder }) => folder);
  const more = folders.length > mostNamed ? ` and ${folders.length - mostNamed} more` : "";
  return [`Older, and not needed: ${folders.slice(0, mostNamed).join(", ")}${more}.`];
}

/** By version, those that are signed by their own keys. */
function readRoots(
  scope: { readonly format: FormatRules; readonly repository: string },
  kept: readonly Kept[],
  at: number,
  findings: Finding[],
): ReadonlyMap<number, ReadRoot> {
  const roots = new Map<number, ReadRoot>();
  for (const { folder, files, unread } of kept) {
    const bytes = files.get("root");
    if (bytes === undefined) {
      if (!unread.has("root"))
        findings.push({ code: "NO_ROOT", sentence: `${folder} kept files of it, and no root.` });
      continue;
    }
    try {
      const { version } = new TrustedSet(scope).addRoot(bytes, at).signed;
      const read = { version, bytes, folder, sha256: sha256Hex(bytes) };
      const known = roots.get(version);
      if (known !== undefined && known.sha256 !== read.sha256) {
        throw disagreement("root", version, known.folder, folder);
      }
      roots.set(version, known ?? read);
    } catch (error) {
      if (!(error instanceof VidimusError) || error.code === "HASH_MISMATCH") throw error;
      findings.push({
        code: error.code,
        sentence: `The root that ${folder} kept is damaged or was changed, and is passed over: ${error.message}`,
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
    // Where nobody has the right one, it is said what is wrong with this one.
    const bytes = found ?? own.get(role);
    if (bytes !== undefined) files.set(role, bytes);
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
