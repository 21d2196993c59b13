/** The past of a repository that was taken over: sets of files that clients could have trusted under one of its roots. */
import { setImmediate } from "node:timers/promises";
import { MalformedError, RefusedError, StoreError, VidimusError } from "../../core/errors.ts";
import type { FormatRules } from "../../core/format/format.ts";
import type { Metadata } from "../../core/model.ts";
import { type Collection, findNamed, pastUnder } from "../../core/taking-over.ts";
import type { MetadataReference, Store } from "../../store/contract/store.ts";
import type { ReadCache } from "../cache.ts";
import type { Clock } from "../clock.ts";
import { mayHaveHappened } from "../doubt.ts";
import type { Principal } from "../principal.ts";
import { newMetadata } from "../served.ts";
import { intactBytes } from "../stored.ts";
import { recordOf } from "../trail/record.ts";
import type { PastRequest } from "./import-service.ts";

export interface PastParts {
  readonly store: Store;
  readonly format: FormatRules;
  readonly clock: Clock;
  readonly cache: ReadCache;
}

/** Root versions of one repository that are read for its past. */
const mostRoots = 10_000;
const page = 1_000;

export async function addPast(
  parts: PastParts,
  repository: string,
  { incarnation, files }: PastRequest,
  principal: Principal,
): Promise<{ readonly added: number }> {
  const { store, format, clock } = parts;
  const at = clock.now();
  const last = await store.imports.last(repository);
  if (last === undefined || last.incarnation !== incarnation) {
    throw new RefusedError("NOT_FOUND", "Take its present over first: no such life of it was imported.");
  }
  const given = new Map(files.map(({ role, bytes }) => [digestKey(format, role, bytes), bytes]));
  const stored = new Map<string, Buffer>();
  const roots = await bytesOf(parts, repository, await storedRoots(parts, repository));
  const read = pastUnder({ format, repository }, roots, at);
  const taken = new Map<string, Metadata>();
  for (const { bytes: timestamp } of files.filter(({ role }) => role === "timestamp")) {
    await findStored(parts, repository, timestamp, given, stored);
    const find = (role: string, sha256: string) =>
      given.get(`${sha256} ${role}`) ?? stored.get(`${sha256} ${role}`);
    for (const file of read({ timestamp, find })) taken.set(`${file.sha256} ${file.role}`, file);
    await setImmediate();
  }
  const stray = [...given.keys()].find((key) => !taken.has(key));
  if (stray !== undefined) {
    throw new MalformedError(
      "BAD_REQUEST",
      "Send files only together with the timestamp that leads to them.",
      { role: stray.slice(65) },
    );
  }
  if (taken.size === 0) return { added: 0 };
  return { added: await putBehind(parts, { repository, incarnation, at, principal }, [...taken.values()]) };
}

/**
 * Roots of the chain from before the first one that is here: clients whose root is older follow by them. Gives how many there
 * are. Throws `IMPORT_CONFLICT`.
 * @param roots verified up to one that is stored
 */
export async function addRoots(
  parts: PastParts,
  place: PastPlace,
  roots: readonly Metadata[],
  dryRun: boolean,
): Promise<number> {
  return await addMissing(parts, place, roots, await storedRoots(parts, place.repository), dryRun);
}

/**
 * The same for roots that came without the newest one, where nothing else that came is of another history or later than what is
 * here: a client that slept kept them. They are verified anew, up to the root in force. 0: there is nothing of that kind.
 */
export async function addOlderRoots(
  parts: PastParts,
  place: PastPlace,
  current: ReadonlyMap<string, MetadataReference>,
  { roots, files }: Pick<Collection, "roots" | "files">,
  dryRun: boolean,
): Promise<number> {
  const { store, format } = parts;
  const { repository, at } = place;
  const upTo = roots.at(-1)?.signed.version ?? 0;
  if (upTo >= (current.get("root")?.version ?? 0)) return 0;
  const here = await storedRoots(parts, repository);
  if ((roots[0]?.signed.version ?? 0) >= (here[0]?.version ?? 0)) return 0;
  for (const { role, signed, sha256 } of [...roots, ...files]) {
    if (signed.version > (current.get(role)?.version ?? signed.version)) return 0;
    const stored = await store.byVersion(repository, role, signed.version);
    if (stored !== undefined && stored.sha256 !== sha256) return 0;
  }
  const later = await bytesOf(
    parts,
    repository,
    here.filter(({ version }) => version > upTo),
  );
  try {
    pastUnder({ format, repository }, [...roots.map(({ bytes }) => bytes), ...later], at);
  } catch (error) {
    if (error instanceof VidimusError) return 0;
    throw error;
  }
  return await addMissing(parts, place, roots, here, dryRun);
}

async function addMissing(
  parts: PastParts,
  place: PastPlace,
  roots: readonly Metadata[],
  here: readonly MetadataReference[],
  dryRun: boolean,
): Promise<number> {
  if ((await parts.store.imports.last(place.repository)) === undefined) return 0;
  const known = new Set(here.map(({ version }) => version));
  const missing = roots.filter(({ signed }) => !known.has(signed.version));
  if (missing.length > 0 && !dryRun) await putBehind(parts, place, missing);
  return missing.length;
}

interface PastPlace {
  readonly repository: string;
  readonly incarnation: number;
  readonly at: number;
  readonly principal: Principal;
}

/** Gives how many of the files were not there. Throws `IMPORT_CONFLICT`. */
async function putBehind(
  { store, cache }: PastParts,
  { repository, incarnation, at, principal }: PastPlace,
  metadata: readonly Metadata[],
): Promise<number> {
  const files = metadata.map(newMetadata);
  const detail = { incarnation, sent: files.length };
  const audit = recordOf({ at, principal, kind: "import.past-added", repository, detail });
  try {
    const request = { repository, incarnation, at, principal: principal.name, files, audit };
    return await store.imports.addHistory(request);
  } catch (error) {
    if (mayHaveHappened(error)) cache.forget(repository);
    if (error instanceof StoreError && error.code === "CONFLICT") {
      throw conflict("keeps other bytes of a version, or a lower one as its current file", error);
    }
    throw error;
  }
}

async function storedRoots({ store }: PastParts, repository: string): Promise<MetadataReference[]> {
  const roots: MetadataReference[] = [];
  for (let after = 0; roots.length < mostRoots; ) {
    const found = await store.imports.versions({ repository, role: "root", after, limit: page });
    roots.push(...found);
    after = found.at(-1)?.version ?? 0;
    if (found.length < page) break;
  }
  return roots;
}

async function bytesOf(
  { store }: PastParts,
  repository: string,
  stored: readonly MetadataReference[],
): Promise<Buffer[]> {
  const roots: Buffer[] = [];
  for (const { version } of stored) {
    const file = await store.byVersion(repository, "root", version);
    if (file !== undefined) roots.push(intactBytes(file));
  }
  return roots;
}

/** Puts what the timestamp leads to, and was not given, beside what was. */
async function findStored(
  { store, format }: PastParts,
  repository: string,
  timestamp: Buffer,
  given: ReadonlyMap<string, Buffer>,
  stored: Map<string, Buffer>,
): Promise<void> {
  const find = async (role: string, sha256: string | undefined): Promise<Buffer | undefined> => {
    if (sha256 === undefined) return undefined;
    const key = `${sha256} ${role}`;
    const known = given.get(key) ?? stored.get(key);
    if (known !== undefined) return known;
    const file = await store.byDigest(repository, role, sha256);
    if (file === undefined) return undefined;
    stored.set(key, intactBytes(file));
    return stored.get(key);
  };
  await findNamed({ format }, timestamp, find);
}

function digestKey(format: FormatRules, role: string, bytes: Buffer): string {
  return `${format.parse(role, bytes).sha256} ${role}`;
}

export function conflict(why: string, cause?: unknown): RefusedError {
  return new RefusedError("IMPORT_CONFLICT", `This repository ${why}.`, { cause });
}
