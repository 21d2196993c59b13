/**
 * One repository as two servers serve it. Each side was verified by itself, with the code by which clients verify; here the bytes
 * are compared, role by role.
 *
 * What one server makes or gets later than the other is older there, for as long as it is an earlier state of the same
 * history. Two files of one version are two histories, and worse.
 */
import type { Metadata } from "../../core/model.ts";
import type { Collection } from "../../core/taking-over.ts";
import type { Present } from "../crawl.ts";
import type { Finding } from "../report.ts";

export const differenceCodes = [
  "MISSING_HERE",
  "MISSING_THERE",
  "OLDER_HERE",
  "OLDER_THERE",
  /** Older, and clients refuse it. */
  "EXPIRED_HERE",
  "EXPIRED_THERE",
  /** Other bytes of the same version. */
  "DIFFERENT",
  /** It does not verify, or may not be read. */
  "UNUSABLE_HERE",
  "UNUSABLE_THERE",
] as const;
export type DifferenceCode = (typeof differenceCodes)[number];

export interface FileState {
  readonly version: number;
  readonly sha256: string;
}

export interface Difference {
  readonly repository: string;
  /** Undefined: the repository as a whole. */
  readonly role?: string;
  readonly code: DifferenceCode;
  readonly here?: FileState;
  readonly there?: FileState;
  /** Who must do what. */
  readonly sentence: string;
}

/** What one server has of a repository. */
export interface Side {
  /** Undefined: it has none, or what it has cannot be used. */
  readonly present?: Present;
  /** Why it cannot be used. */
  readonly fault?: Finding;
  /** The digest of a version that this side has. */
  older(role: string, version: number): Promise<string | undefined>;
}

/** Names of both servers, for sentences. */
export interface Places {
  readonly here: string;
  readonly there: string;
}

/** Nothing where both serve the same. Throws what `older` throws. */
export async function compareSides(
  repository: string,
  here: Side,
  there: Side,
  places: Places,
): Promise<readonly Difference[]> {
  const say = (code: DifferenceCode, more: Omit<Difference, "repository" | "code" | "sentence"> = {}) => ({
    repository,
    code,
    ...more,
    sentence: sentenceOf(code, { repository, role: more.role, places, here, there }),
  });
  if (here.fault !== undefined || there.fault !== undefined) {
    return [
      ...(here.fault === undefined ? [] : [say("UNUSABLE_HERE")]),
      ...(there.fault === undefined ? [] : [say("UNUSABLE_THERE")]),
    ];
  }
  if (here.present === undefined || there.present === undefined) {
    if (here.present === there.present) return [];
    return [say(here.present === undefined ? "MISSING_HERE" : "MISSING_THERE")];
  }
  const found: Difference[] = [];
  const [mine, theirs] = [filesOf(here.present.collection), filesOf(there.present.collection)];
  for (const role of new Set([...mine.keys(), ...theirs.keys()])) {
    const states = { role, ...stateOf("here", mine.get(role)), ...stateOf("there", theirs.get(role)) };
    const code = await codeOf(role, [mine.get(role), here], [theirs.get(role), there]);
    if (code !== undefined) found.push(say(code, states));
  }
  if (!found.some(({ role }) => role === "root")) {
    const code = codeOfRoots(here.present, there.present);
    if (code !== undefined) found.push(say(code, { role: "root" }));
  }
  // Of two histories none is older.
  const areTwo = found.some(({ code, role }) => code === "DIFFERENT" && !isServersOwn(role));
  return areTwo ? found.filter(({ code }) => code === "DIFFERENT") : found;
}

/** Made by servers, as a rule. */
function isServersOwn(role: string | undefined): boolean {
  return role === "timestamp" || role === "snapshot";
}

type OneSide = readonly [file: Metadata | undefined, side: Side];

async function codeOf(
  role: string,
  [mine, here]: OneSide,
  [theirs, there]: OneSide,
): Promise<DifferenceCode | undefined> {
  if (mine === undefined) return "MISSING_HERE";
  if (theirs === undefined) return "MISSING_THERE";
  if (mine.sha256 === theirs.sha256) return undefined;
  const [one, other] = [mine.signed.version, theirs.signed.version];
  if (one === other) return "DIFFERENT";
  const isOlderHere = one < other;
  const [old, newer] = isOlderHere ? [mine, there] : [theirs, here];
  const known = await newer.older(role, old.signed.version);
  if (known !== undefined && known !== old.sha256) return "DIFFERENT";
  const isExpired = (side: Side) =>
    side.present?.collection.remarks.some((each) => each.code === "EXPIRED" && each.role === role) === true;
  if (isOlderHere) return isExpired(here) && !isExpired(there) ? "EXPIRED_HERE" : "OLDER_HERE";
  return isExpired(there) && !isExpired(here) ? "EXPIRED_THERE" : "OLDER_THERE";
}

/** The newest root is the same; those before it are what a reader with an old cache needs. */
function codeOfRoots(here: Present, there: Present): DifferenceCode | undefined {
  const theirs = new Map(there.collection.roots.map(({ signed, sha256 }) => [signed.version, sha256]));
  for (const { signed, sha256 } of here.collection.roots) {
    const other = theirs.get(signed.version);
    if (other !== undefined && other !== sha256) return "DIFFERENT";
  }
  if (here.firstRoot === there.firstRoot) return undefined;
  return here.firstRoot > there.firstRoot ? "MISSING_HERE" : "MISSING_THERE";
}

function filesOf({ roots, files }: Collection): ReadonlyMap<string, Metadata> {
  return new Map([...roots.slice(-1), ...files].map((file) => [file.role, file]));
}

function stateOf(side: "here" | "there", file: Metadata | undefined) {
  return file && { [side]: { version: file.signed.version, sha256: file.sha256 } };
}

interface Told {
  readonly repository: string;
  readonly role: string | undefined;
  readonly places: Places;
  readonly here: Side;
  readonly there: Side;
}

function sentenceOf(code: DifferenceCode, { repository, role, places, here, there }: Told): string {
  const again = `vidimus import notary ${places.there} ${repository}`;
  const back = `vidimus export notary ${places.there} ${repository}`;
  const what = role === undefined ? repository : `${role} of ${repository}`;
  switch (code) {
    case "MISSING_HERE":
      return `${places.here} lacks ${what}: ${again}`;
    case "MISSING_THERE":
      return `${places.there} lacks ${what}: if it was deleted there, delete it here; if it was made here, ${back}`;
    case "OLDER_HERE":
      return `${places.here} has an older ${what}: ${again}`;
    case "OLDER_THERE":
      return `${places.there} has an older ${what}, so somebody publishes here already: ${back}`;
    case "EXPIRED_HERE":
      return `${places.here} has an older ${what}, which clients refuse: ${again}`;
    case "EXPIRED_THERE":
      return `${places.there} has an older ${what}, which clients refuse: ${back}`;
    case "DIFFERENT":
      return isServersOwn(role)
        ? `Both servers have signed ${what}, the same version with different bytes: let one of them sign alone.`
        : `Both servers have another ${what} of one version: let nobody publish before its owner says whose is right.`;
    case "UNUSABLE_HERE":
      return `What ${places.here} serves of ${repository} cannot be used (${here.fault?.code}): ${here.fault?.sentence}`;
    case "UNUSABLE_THERE":
      return `What ${places.there} serves of ${repository} cannot be used (${there.fault?.code}): ${there.fault?.sentence}`;
  }
}
