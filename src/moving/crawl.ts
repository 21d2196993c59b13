/**
 * One repository, read from a source and verified: its present whole, its past as far as it is to be had.
 *
 * Invariants: what is given on has passed `core/taking-over.ts`; nothing more is held at a time than the present, one batch of the
 * past, and what was read near it, up to twice as much as a present may be; a source that goes on for ever meets a bound.
 */
import { sha256Hex } from "../core/bytes.ts";
import { UnauthenticError, VidimusError } from "../core/errors.ts";
import type { FormatRules } from "../core/format/format.ts";
import type { Metadata } from "../core/model.ts";
import { type Collection, findNamed, pastUnder, takeCollection } from "../core/taking-over.ts";
import { SourceError } from "./errors.ts";
import { Nearby } from "./nearby.ts";
import type { Source } from "./source.ts";

export interface CrawlLimits {
  /** Of one file. */
  readonly fileBytes: number;
  /** Of one repository's present, all files together. */
  readonly presentBytes: number;
  readonly roots: number;
  /** Delegations. */
  readonly roles: number;
  /** Timestamps of the past that are asked for. */
  readonly past: number;
  /** Of one batch of the past. */
  readonly batchBytes: number;
}

export const usualCrawlLimits: CrawlLimits = {
  fileBytes: 16 * 1_024 * 1_024,
  presentBytes: 24 * 1_024 * 1_024,
  roots: 1_000,
  roles: 2_000,
  past: 100_000,
  batchBytes: 4 * 1_024 * 1_024,
};

/**
 * What is read while many repositories are: whatever is larger is read again within the whole limits, one at a time, so that a source
 * cannot make all of them large at once.
 */
export function lightOf(limits: CrawlLimits): CrawlLimits {
  const most = 1_024 * 1_024;
  return {
    ...limits,
    fileBytes: Math.min(limits.fileBytes, most),
    presentBytes: Math.min(limits.presentBytes, 2 * most),
    batchBytes: Math.min(limits.batchBytes, 2 * most),
  };
}

export interface Crawl {
  readonly source: Source;
  readonly format: FormatRules;
  readonly limits: CrawlLimits;
  readonly now: () => number;
}

export interface Present {
  readonly repository: string;
  readonly collection: Collection;
  /** The first root that the source still has; above 1, what was before it is not known. */
  readonly firstRoot: number;
}

/** How often the present is read anew when the source moved on in the middle. */
const attempts = 3;

/** Undefined: the source has no such repository. Throws `SourceError`, and what `takeCollection` throws. */
export async function crawlPresent(crawl: Crawl, repository: string): Promise<Present | undefined> {
  for (let attempt = 1; ; attempt++) {
    const timestamp = await file(crawl, repository, "timestamp.json");
    const root = await file(crawl, repository, "root.json");
    if (timestamp === undefined && root === undefined) return undefined;
    if (timestamp === undefined || root === undefined) {
      throw incomplete(crawl, repository, timestamp === undefined ? "timestamp" : "root");
    }
    try {
      return await presentOf(crawl, repository, root, timestamp);
    } catch (error) {
      // Half of what was before a publication, and half of what came of it.
      const again = await file(crawl, repository, "timestamp.json");
      const hasMoved = again !== undefined && sha256Hex(again) !== sha256Hex(timestamp);
      if (!(error instanceof VidimusError) || !hasMoved || attempt === attempts) throw error;
    }
  }
}

async function presentOf(
  crawl: Crawl,
  repository: string,
  newest: Buffer,
  timestamp: Buffer,
): Promise<Present> {
  const { format, limits, now } = crawl;
  const scope = { format, repository };
  const room = { bytes: limits.presentBytes };
  const roots = await rootsUpTo(crawl, repository, newest, room);
  const { signed } = format.parse("timestamp", timestamp);
  if (signed.kind !== "timestamp") throw new TypeError("a timestamp was read as something else");
  const files = new Map([["timestamp", timestamp]]);
  const snapshot = await byDigest(crawl, repository, "snapshot", signed.snapshot.hashes.get("sha256"), room);
  if (snapshot !== undefined) files.set("snapshot", snapshot);
  const listed = snapshot && format.parse("snapshot", snapshot).signed;
  if (listed?.kind === "snapshot") {
    if (listed.meta.size > limits.roles) {
      throw new SourceError(
        "SOURCE_ENDLESS",
        `${repository} has ${listed.meta.size} roles, and ${limits.roles} are the most.`,
      );
    }
    for (const [role, { hashes }] of listed.meta) {
      if (role === "root") continue;
      const bytes = await byDigest(crawl, repository, role, hashes.get("sha256"), room);
      if (bytes !== undefined) files.set(role, bytes);
    }
  }
  const collection = takeCollection(scope, { roots, files }, now());
  return { repository, collection, firstRoot: collection.roots[0]?.signed.version ?? 1 };
}

/** As far back as there is no gap. */
async function rootsUpTo(
  crawl: Crawl,
  repository: string,
  newest: Buffer,
  room: { bytes: number },
): Promise<Buffer[]> {
  const { version } = crawl.format.parse("root", newest).signed;
  if (version > crawl.limits.roots) {
    throw new SourceError(
      "SOURCE_ENDLESS",
      `${repository} is at root ${version}, and ${crawl.limits.roots} are read at most.`,
    );
  }
  const roots = [newest];
  for (let each = version - 1; each >= 1; each--) {
    const bytes = await file(crawl, repository, `${each}.root.json`);
    if (bytes === undefined) break;
    take(room, bytes, repository);
    roots.unshift(bytes);
  }
  return roots;
}

export interface PastBatch {
  readonly files: readonly Metadata[];
}

export interface PastFinding {
  readonly version: number;
  readonly code: string;
  readonly sentence: string;
}

/**
 * Batches of the past, newest first: timestamps below the present one with what they lead to, without what was given before. A
 * set that does not verify is told, and left out.
 * @param held digests of timestamps that need not be asked for, by version
 */
export async function* crawlPast(
  crawl: Crawl,
  { repository, collection }: Present,
  held: ReadonlyMap<number, string>,
  onFinding: (finding: PastFinding) => void,
): AsyncGenerator<PastBatch> {
  const { format, limits, now } = crawl;
  const read = pastUnder(
    { format, repository },
    collection.roots.map(({ bytes }) => bytes),
    now(),
  );
  const given = new Set(collection.files.map(({ role, sha256 }) => `${sha256} ${role}`));
  const nearby = new Nearby(limits.presentBytes);
  for (const { role, sha256, bytes } of collection.files) nearby.set(`${sha256} ${role}`, bytes);
  let batch: Metadata[] = [];
  let [bytes, failing] = [0, 0];
  const newest = collection.trusted.timestamp?.signed.version ?? 1;
  const oldest = Math.max(1, newest - limits.past);
  for (let version = newest - 1; version >= oldest; version--) {
    if (held.has(version)) continue;
    try {
      const timestamp = await file(crawl, repository, `${version}.timestamp.json`);
      if (timestamp === undefined) continue;
      await fetchNamed(crawl, repository, timestamp, nearby);
      const files = read({ timestamp, find: (role, sha256) => nearby.get(`${sha256} ${role}`) });
      if (files[0]?.signed.version !== version) throw otherVersion(version);
      for (const each of files) {
        const key = `${each.sha256} ${each.role}`;
        if (given.has(key)) continue;
        given.add(key);
        batch.push(each);
        bytes += each.bytes.length;
      }
    } catch (error) {
      if (!(error instanceof VidimusError) && !(error instanceof SourceError)) throw error;
      if (error.code === "SOURCE_FAILING") failing++;
      const isOfOne = error.code === "SOURCE_ENDLESS" || (error.code === "SOURCE_FAILING" && failing < 3);
      if (error instanceof SourceError && !isOfOne) {
        // What was read by then is good, whatever the source has come to.
        if (batch.length > 0) yield { files: batch };
        throw error;
      }
      onFinding({ version, code: error.code, sentence: error.message });
    }
    if (bytes > limits.batchBytes) {
      yield { files: batch };
      batch = [];
      bytes = 0;
    }
    nearby.trim();
  }
  if (batch.length > 0) yield { files: batch };
}

/** Puts what a timestamp leads to into `nearby`, as far as the source has it. */
async function fetchNamed(
  crawl: Crawl,
  repository: string,
  timestamp: Buffer,
  nearby: Nearby,
): Promise<void> {
  const room = { bytes: crawl.limits.presentBytes };
  const find = async (role: string, sha256: string | undefined): Promise<Buffer | undefined> => {
    const key = `${sha256} ${role}`;
    const known = nearby.get(key);
    if (known !== undefined) return known;
    const bytes = await byDigest(crawl, repository, role, sha256, room);
    if (bytes !== undefined) nearby.set(key, bytes);
    return bytes;
  };
  await findNamed(crawl, timestamp, find, crawl.limits.roles);
}

async function file(crawl: Crawl, repository: string, name: string): Promise<Buffer | undefined> {
  return await crawl.source.file(repository, name, crawl.limits.fileBytes);
}

/** Never other bytes than those of the digest: a source may give anything under any name. */
async function byDigest(
  crawl: Crawl,
  repository: string,
  role: string,
  sha256: string | undefined,
  room: { bytes: number },
): Promise<Buffer | undefined> {
  if (sha256 === undefined) return undefined;
  const bytes = await file(crawl, repository, `${role}.${sha256}.json`);
  if (bytes === undefined) return undefined;
  take(room, bytes, repository);
  if (sha256Hex(bytes) === sha256) return bytes;
  throw new UnauthenticError(
    "HASH_MISMATCH",
    `${role}: the source gives other bytes under the checksum ${sha256}`,
    { role },
  );
}

function take(room: { bytes: number }, { length }: Buffer, repository: string): void {
  room.bytes -= length;
  if (room.bytes < 0) {
    throw new SourceError("SOURCE_ENDLESS", `The files of ${repository} are too large together to be taken.`);
  }
}

/** The source has a part of it, as against a repository that it does not have. */
function incomplete({ source }: Crawl, repository: string, role: "root" | "timestamp"): UnauthenticError {
  const there = role === "root" ? "a timestamp" : "a root";
  return new UnauthenticError(
    "SNAPSHOT_INCOMPLETE",
    `${source.origin} has ${there} of ${repository} and no ${role}, without which no client reads it: its owner publishes there once more, or takes what a client kept (vidimus import trustdir).`,
    { role },
  );
}

function otherVersion(version: number): UnauthenticError {
  return new UnauthenticError("ROLLBACK", `The source gives another timestamp as version ${version}.`, {
    role: "timestamp",
  });
}
