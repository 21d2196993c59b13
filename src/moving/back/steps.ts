/**
 * The publications that lead from what another server has to what is here, as far as their files are still here: for each later
 * snapshot one, with what it lists and the server there does not have yet.
 *
 * A publication of the past that cannot be repeated, because a file of it is gone or has expired, is passed over: what it
 * brought comes with the next one. That of a new root and the last one cannot be.
 */
import type { Metadata } from "../../core/model.ts";
import type { Collection } from "../../core/taking-over.ts";
import { isExpired } from "../../core/verify.ts";
import { type Crawl, crawlPast, lightOf, type PastFinding, type Present } from "../crawl.ts";
import { BackError, SourceError } from "../errors.ts";
import type { Weight } from "../offer.ts";

export interface Step {
  readonly files: readonly Metadata[];
}

/** Files of one repository that may be published again, the present included. */
const mostFiles = 10_000;
/** Bytes of those of its past, which are held until all is sent: while many repositories are, and of one alone. */
const mostBytes: Readonly<Record<Weight, number>> = { light: 4 * 1_024 * 1_024, any: 256 * 1_024 * 1_024 };

export interface Room {
  readonly weight: Weight;
  readonly testingOnlyMost?: number;
}

/**
 * @param there what the other server has; undefined: nothing
 * Throws `EXPORT_ROOTS`, `EXPORT_FILES`, what reading this server throws, and `SOURCE_ENDLESS` for what is beyond a light weight.
 */
export async function stepsAfter(
  crawl: Crawl,
  present: Present,
  there: Collection | undefined,
  room: Room,
): Promise<readonly Step[]> {
  const { repository, collection } = present;
  const pool = await filesAfter(crawl, present, there, room);
  const known = new Map<string, string>();
  for (const file of there === undefined ? [] : [...there.roots.slice(-1), ...there.files]) {
    known.set(file.role, file.sha256);
  }
  const from = there?.trusted.snapshot?.signed.version ?? 0;
  const snapshots = [...pool.values()]
    .filter((file) => file.role === "snapshot" && file.signed.version > from)
    .sort((a, b) => a.signed.version - b.signed.version);
  const last = snapshots.at(-1);
  const unusable = unusableOf(collection);
  const unusableIn = (files: readonly Metadata[]) => files.find(({ role }) => unusable.has(role))?.role;
  const at = crawl.now();
  const steps: Step[] = [];
  let root = there?.roots.at(-1)?.signed.version ?? 0;
  for (const snapshot of snapshots) {
    const { files, lacking } = filesOf(snapshot, known, pool);
    const missing = lacking ?? (snapshot === last ? unusableIn(files) : undefined);
    const newRoot = files.find(({ role }) => role === "root")?.signed.version;
    const isNeeded = newRoot !== undefined || snapshot === last;
    if (!isNeeded && (missing !== undefined || files.some(({ signed }) => isExpired(signed, at)))) continue;
    if (newRoot !== undefined) {
      const isNext = newRoot === root + 1 || (root === 0 && newRoot === 2);
      if (!isNext) throw noChain(repository, root, newRoot);
      root = newRoot;
    }
    if (missing !== undefined) throw incomplete(repository, snapshot, missing);
    for (const { role, sha256 } of files) known.set(role, sha256);
    steps.push({ files });
  }
  const newest = collection.roots.at(-1)?.signed.version ?? 0;
  if (root !== newest) throw noChain(repository, root, newest);
  return steps;
}

function unusableOf({ remarks }: Collection): ReadonlySet<string> {
  return new Set(remarks.flatMap(({ code, role }) => (code === "UNUSABLE" ? [role] : [])));
}

/** By role and digest: the present, and of the past what is later than what is there, without timestamps. */
async function filesAfter(
  crawl: Crawl,
  present: Present,
  there: Collection | undefined,
  { weight, testingOnlyMost: most = mostBytes[weight] }: Room,
): Promise<ReadonlyMap<string, Metadata>> {
  const { collection, repository } = present;
  const pool = new Map<string, Metadata>();
  const add = (file: Metadata) => pool.set(keyOf(file), file);
  // What clients pass over no server takes either, but where it was good in its time.
  const unusable = unusableOf(collection);
  const files = collection.files.filter(({ role }) => !unusable.has(role));
  for (const file of [...collection.roots, ...files]) add(file);
  const from = there?.trusted.snapshot?.signed.version ?? 0;
  // One set at a time, for the first one that is there already is the end.
  const limits = weight === "light" ? lightOf(crawl.limits) : crawl.limits;
  const finely = { ...crawl, limits: { ...limits, batchBytes: 0 } };
  const usable = { ...present, collection: { ...collection, files } };
  // What is only too large for now would be passed over as if it were gone.
  const onFinding = ({ code }: PastFinding) => {
    if (weight === "light" && code === "SOURCE_ENDLESS") throw tooLarge(repository, weight);
  };
  let bytes = 0;
  for await (const { files: past } of crawlPast(finely, usable, new Map(), onFinding)) {
    for (const file of past) {
      if (file.role === "timestamp") continue;
      add(file);
      bytes += file.bytes.length;
    }
    if (bytes > most) throw tooLarge(repository, weight);
    if (past.some(({ role, signed }) => role === "snapshot" && signed.version <= from)) break;
    if (pool.size > mostFiles) throw tooLarge(repository, "any");
  }
  return pool;
}

function tooLarge(repository: string, weight: Weight): BackError | SourceError {
  const sentence = `${repository} was published too often since to be published again: bring it into the database with --server-db.`;
  return weight === "light"
    ? new SourceError("SOURCE_ENDLESS", sentence)
    : new BackError("EXPORT_FILES", sentence);
}

function filesOf(
  snapshot: Metadata,
  known: ReadonlyMap<string, string>,
  pool: ReadonlyMap<string, Metadata>,
): { readonly files: readonly Metadata[]; readonly lacking: string | undefined } {
  const files: Metadata[] = [snapshot];
  if (snapshot.signed.kind !== "snapshot") throw new TypeError("a snapshot was read as something else");
  let lacking: string | undefined;
  for (const [role, { hashes }] of snapshot.signed.meta) {
    const sha256 = hashes.get("sha256") ?? "";
    if (known.get(role) === sha256) continue;
    const file = pool.get(keyOf({ role, sha256 }));
    if (file === undefined) lacking ??= role;
    else files.push(file);
  }
  return { files, lacking };
}

function keyOf({ role, sha256 }: { readonly role: string; readonly sha256: string }): string {
  return `${sha256} ${role}`;
}

function incomplete(repository: string, { signed }: Metadata, role: string): BackError {
  return new BackError(
    "EXPORT_FILES",
    `The ${role} that snapshot ${signed.version} of ${repository} lists is here no more, or no client takes it, so it cannot be published again: bring it into the database with --server-db.`,
  );
}

function noChain(repository: string, from: number, to: number): BackError {
  return new BackError(
    "EXPORT_ROOTS",
    from === 0
      ? `The first root of ${repository} that is here with its snapshot is version ${to}, and a publish interface takes 1 or 2 as the first: bring it into the database with --server-db.`
      : `${repository} is at root ${from} there, and what led to root ${to} is not all here: a publish interface takes one root after the other, so bring it into the database with --server-db.`,
  );
}
