/**
 * Whether what a copy of the store holds still has its digests. SQLite's own check sees the structure of its file and not
 * a flipped bit in a blob.
 *
 * One file is in memory at a time, or the files of one proposal, which are bounded. Signals are heard in between.
 */
import { createHash, hash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import type Database from "better-sqlite3";

/** A stored file, or the files of a proposal, whose bytes are not those that were stored. */
export interface AlteredFile {
  readonly repository: string;
  /** `targets`, or `proposal` with its ID. */
  readonly what: string;
  readonly version: number | undefined;
}

export interface Altered {
  readonly count: number;
  /** At most as many as were wanted. */
  readonly first: readonly AlteredFile[];
}

/** Bytes that are hashed without a pause: some milliseconds. */
const stretch = 4 * 1024 * 1024;

/** Hashes everything; names the first `most`. Throws SQLite's errors. */
export async function findAltered(database: Database.Database, most: number): Promise<Altered> {
  let count = 0;
  const first: AlteredFile[] = [];
  const note = (found: AlteredFile) => {
    count++;
    if (first.length < most) first.push(found);
  };
  let hashed = 0;
  const breathe = async (bytes: number) => {
    hashed += bytes;
    if (hashed < stretch) return;
    hashed = 0;
    await setImmediate();
  };
  for (const file of storedFiles(database)) {
    const { bytes, sha256, length, repository, role: what, version } = file;
    if (hash("sha256", bytes, "hex") !== sha256 || bytes.length !== length)
      note({ repository, what, version });
    await breathe(bytes.length);
  }
  if (!hasProposals(database)) return { count, first };
  const filesOf = prepareProposalFiles(database);
  for (const { place, id, repository, digest } of proposals(database)) {
    const whole = createHash("sha256");
    let length = 0;
    for (const signed of filesOf(place)) {
      whole.update(signed);
      length += signed.length;
    }
    if (whole.digest("hex") !== digest) note({ repository, what: `proposal ${id}`, version: undefined });
    await breathe(length);
  }
  return { count, first };
}

interface StoredRow {
  readonly repository: string;
  readonly role: string;
  readonly version: number;
  readonly sha256: string;
  readonly length: number;
  readonly bytes: Buffer;
}

/** In the order in which they lie in the file. */
function storedFiles(database: Database.Database): IterableIterator<StoredRow> {
  return database
    .prepare<[], StoredRow>(
      "SELECT coalesce(r.name, '') AS repository, m.role, m.version, m.sha256, m.length, m.bytes FROM metadata AS m LEFT JOIN repository AS r ON r.id = m.repository ORDER BY m.id",
    )
    .iterate();
}

/** Stores of the first schema had none. */
function hasProposals(database: Database.Database): boolean {
  const count = "SELECT count(name) FROM sqlite_schema WHERE type = 'table' AND name = 'proposal'";
  return database.prepare(count).pluck().get() === 1;
}

interface ProposalRow {
  readonly place: number;
  readonly id: string;
  readonly repository: string;
  readonly digest: string;
}

/** One question each, since the files are asked for in between. */
function* proposals(database: Database.Database): Generator<ProposalRow> {
  const next = database.prepare<[number], ProposalRow>(
    "SELECT seq AS place, id, repository, digest FROM proposal WHERE seq > ? ORDER BY seq LIMIT 1",
  );
  for (let row = next.get(0); row !== undefined; row = next.get(row.place)) yield row;
}

/** As `proposalDigest` of core orders them. */
function prepareProposalFiles(database: Database.Database): (place: number) => IterableIterator<Buffer> {
  const files = database
    .prepare<[number], Buffer>("SELECT signed FROM proposal_file WHERE proposal = ? ORDER BY role")
    .pluck();
  return (place) => files.iterate(place);
}
