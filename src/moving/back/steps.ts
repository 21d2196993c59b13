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
import { type Crawl, crawlPast, type Present } from "../crawl.ts";
import { BackError } from "../errors.ts";

export interface Step {
  readonly files: readonly Metadata[];
}

/** Publications that one repository may be brought further by. */
const mostSteps = 10_000;

/**
 * @param there what the other server has; undefined: nothing
 * Throws `EXPORT_ROOTS`, `EXPORT_FILES`, and what reading this server throws.
 */
export async function stepsAfter(
  crawl: Crawl,
  present: Present,
  there: Collection | undefined,
): Promise<readonly Step[]> {
  const { repository, collection } = present;
  const pool = await filesAfter(crawl, present, there);
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

/** By role and digest: the present, and of the past what is later than what is there. */
async function filesAfter(
  crawl: Crawl,
  present: Present,
  there: Collection | undefined,
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
  const finely = { ...crawl, limits: { ...crawl.limits, batchBytes: 0 } };
  const usable = { ...present, collection: { ...collection, files } };
  for await (const { files: past } of crawlPast(finely, usable, new Map(), () => undefined)) {
    for (const file of past) add(file);
    if (past.some(({ role, signed }) => role === "snapshot" && signed.version <= from)) break;
    if (pool.size > mostSteps) {
      throw new BackError(
        "EXPORT_FILES",
        `${repository} was published too often since to be published again: bring it into the database with --server-db.`,
      );
    }
  }
  return pool;
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
