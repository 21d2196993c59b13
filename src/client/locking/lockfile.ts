/**
 * `vidimus.lock`: what references meant when they were locked, with what stood behind it. JSON, one member a line, sorted,
 * so that a version control system shows what moved.
 *
 * A committed lock is a floor: lower versions than those in it are refused even where the cache is empty. The floor of a
 * repository ends where its root gives the timestamp or the snapshot other keys (TUF specification 5.3.11), for then
 * versions may begin anew.
 */
import { isHex } from "../../core/bytes.ts";
import { isObject, type Json, type JsonObject, member } from "../../core/json.ts";
import { isTargetsRole } from "../../core/names.ts";
import { commandOf } from "../command.ts";
import { JsonFile, listOf, string, whole } from "../files/json-file.ts";
import { readText } from "../files/read-file.ts";
import type { Floor } from "../floor.ts";
import { lineOf, type ResolvedImage } from "../result.ts";

export interface LockedImage
  extends Omit<ResolvedImage, "reference" | "hashes" | "offline" | "checkedAt" | "signers"> {
  /** Full name, normalised. */
  readonly name: string;
  /** The tag that was locked; null for a reference by digest alone. */
  readonly tag: string | null;
  readonly signers: readonly string[];
  /** When the server was last asked, if it was away when the image was locked. */
  readonly checkedAt?: string;
  /** The files that name it, as paths from the lock's folder, or as they were given to the library. */
  readonly files: readonly string[];
}

/** A reference that the policy, or --allow-local, let through. */
export interface UnverifiedUse {
  readonly reference: string;
  readonly files: readonly string[];
}

export interface LockFile {
  /** When: RFC 3339, UTC. */
  readonly lockedAt: string;
  /** By name, then tag. */
  readonly images: readonly LockedImage[];
  readonly unverified: readonly UnverifiedUse[];
}

/** Stands among the files of an image that was asked for by name alone. */
export const helperPlace = "--helpers";

export const lockFormat = "vidimus-lock/1";
const largestLock = 16 * 1_048_576;
/** RFC 3339 in UTC, and nothing else: engines read dates in words too. */
const utc = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;
const mostImages = 10_000;
const mostKeys = 256;
const mostFiles = 1_024;

export function lockKey({ name, tag, digest }: Pick<LockedImage, "name" | "tag" | "digest">): string {
  return tag === null ? `${name}@${digest}` : `${name}:${tag}`;
}

export function encodeLock({ lockedAt, images, unverified }: LockFile): string {
  const sorted = [...images].sort((a, b) => (lockKey(a) < lockKey(b) ? -1 : 1));
  const fixed = sorted.map((image) => ({
    name: image.name,
    tag: image.tag,
    digest: image.digest,
    length: image.length,
    repository: image.repository,
    target: image.target,
    server: image.server,
    role: image.role,
    signers: [...image.signers].sort(),
    threshold: image.threshold,
    versions: sortedMembers(image.versions),
    rootSha256: image.rootSha256,
    onlineKeyIds: image.onlineKeyIds,
    expires: sortedMembers(image.expires),
    ...(image.signedAt === undefined ? {} : { signedAt: image.signedAt }),
    ...(image.checkedAt === undefined ? {} : { checkedAt: image.checkedAt }),
    files: [...image.files].sort(),
  }));
  const open = unverified
    .map(({ reference, files }) => ({ reference, files: [...files].sort() }))
    .sort((a, b) => (a.reference < b.reference ? -1 : 1));
  return `${JSON.stringify({ format: lockFormat, lockedAt, images: fixed, unverified: open }, null, 2)}\n`;
}

function sortedMembers<T>(object: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What to do where a lock that was named is not there; `files`: the build files that it is for, if they are known. */
export function absentLock(path: string, files: readonly string[] = ["FILE"]): string {
  return `Name the lock that there is, or have this one made: ${commandOf("lock", ...files, "--lock", path)}`;
}

/** The text of a lock. Throws `LOCK_INVALID`, also where there is none. */
export function readLockText(path: string): Promise<string> {
  return readText(path, "lock file", largestLock, "LOCK_INVALID", absentLock(path));
}

/** Throws `LOCK_INVALID` with file and line for everything that `encodeLock` does not write. */
export function readLock(text: string, file: string): LockFile {
  const json = new JsonFile(text, file, "LOCK_INVALID", "lock file");
  const object = json.object();
  json.read(object, "format", (value) => (value === lockFormat ? true : undefined));
  json.only(object, ["format", "lockedAt", "images", "unverified"]);
  const images = json
    .read(object, "images", (value) => listOf(value, mostImages, asObject))
    .map((each) => readImage(json, each));
  const keys = new Set(images.map(lockKey));
  if (keys.size !== images.length) throw json.fault(object, "images");
  return {
    lockedAt: json.read(object, "lockedAt", date),
    images,
    unverified: json
      .read(object, "unverified", (value) => listOf(value, mostImages, asObject))
      .map((each) => {
        json.only(each, ["reference", "files"]);
        return {
          reference: json.read(each, "reference", string),
          files: json.read(each, "files", files),
        };
      }),
  };
}

const imageMembers = [
  "name",
  "tag",
  "digest",
  "length",
  "repository",
  "target",
  "server",
  "role",
  "signers",
  "threshold",
  "versions",
  "rootSha256",
  "onlineKeyIds",
  "expires",
  "signedAt",
  "checkedAt",
  "files",
] as const satisfies readonly (keyof LockedImage)[];

function readImage(json: JsonFile, object: JsonObject): LockedImage {
  json.only(object, imageMembers);
  const online = json.read(object, "onlineKeyIds", asObject);
  const role = json.read(object, "role", targetsRole);
  const signers = json.read(object, "signers", (value) => distinct(listOf(value, mostKeys, string)));
  const signedAt = member(object, "signedAt") === undefined ? undefined : json.read(object, "signedAt", date);
  const checkedAt =
    member(object, "checkedAt") === undefined ? undefined : json.read(object, "checkedAt", date);
  const tag = json.read(object, "tag", (value) =>
    value === null ? [null] : typeof value === "string" ? [value] : undefined,
  );
  return {
    name: json.read(object, "name", string),
    tag: tag[0] ?? null,
    digest: json.read(object, "digest", digest),
    length: json.read(object, "length", whole),
    repository: json.read(object, "repository", string),
    target: json.read(object, "target", string),
    server: json.read(object, "server", string),
    role,
    signers,
    threshold: readThreshold(json, object, signers.length),
    versions: json.read(object, "versions", (value) => ofRoles(membersOf(value, positive), role)),
    rootSha256: json.read(object, "rootSha256", sha256),
    onlineKeyIds: {
      timestamp: json.read(online, "timestamp", (value) => listOf(value, mostKeys, string)),
      snapshot: json.read(online, "snapshot", (value) => listOf(value, mostKeys, string)),
    },
    expires: json.read(object, "expires", (value) => expiresOf(value, role)),
    ...(signedAt === undefined ? {} : { signedAt }),
    ...(checkedAt === undefined ? {} : { checkedAt }),
    files: json.read(object, "files", files),
  };
}

/** What was locked was signed by enough, and these are they. */
function readThreshold(json: JsonFile, object: JsonObject, signers: number): LockedImage["threshold"] {
  const threshold = json.read(object, "threshold", asObject);
  json.only(threshold, ["needed", "signed"]);
  const needed = json.read(threshold, "needed", positive);
  const signed = json.read(threshold, "signed", positive);
  if (signed !== signers || signed < needed) throw json.fault(object, "threshold");
  return { needed, signed };
}

/** The end of each file that stood behind the image, and the first of them. */
function expiresOf(value: Json | undefined, role: string): LockedImage["expires"] | undefined {
  const { earliest, ...each } = membersOf(value, date) ?? {};
  if (earliest === undefined || ofRoles(each, role) === undefined) return undefined;
  const first = Math.min(...Object.values(each).map((end) => Date.parse(end)));
  return Date.parse(earliest) === first ? { ...each, earliest } : undefined;
}

/** An image stands on the four files of the repository and on those of its role: without one the lock says less than it must. */
function ofRoles<T>(each: Record<string, T> | undefined, role: string): Record<string, T> | undefined {
  const needed = ["root", "timestamp", "snapshot", "targets", ...lineOf(role)];
  return each !== undefined && needed.every((name) => Object.hasOwn(each, name)) ? each : undefined;
}

function positive(value: Json | undefined): number | undefined {
  const number = whole(value);
  return number === undefined || number < 1 ? undefined : number;
}

function targetsRole(value: Json | undefined): string | undefined {
  return typeof value === "string" && isTargetsRole(value) ? value : undefined;
}

function distinct(list: readonly string[] | undefined): readonly string[] | undefined {
  return list === undefined || list.length === 0 || new Set(list).size !== list.length ? undefined : list;
}

function files(value: Json | undefined): readonly string[] | undefined {
  return listOf(value, mostFiles, string);
}

function asObject(value: Json | undefined): JsonObject | undefined {
  return isObject(value) ? value : undefined;
}

function membersOf<T>(
  value: Json | undefined,
  as: (value: Json | undefined) => T | undefined,
): Record<string, T> | undefined {
  if (!isObject(value)) return undefined;
  const all = Object.entries(value).map(([name, each]) => [name, as(each)] as const);
  return all.every(([, each]) => each !== undefined)
    ? (Object.fromEntries(all) as Record<string, T>)
    : undefined;
}

function digest(value: Json | undefined): string | undefined {
  return typeof value === "string" && value.startsWith("sha256:") && isHex(value.slice(7), 32)
    ? value
    : undefined;
}

function sha256(value: Json | undefined): string | undefined {
  return typeof value === "string" && isHex(value, 32) ? value : undefined;
}

function date(value: Json | undefined): string | undefined {
  return typeof value === "string" && utc.test(value) && !Number.isNaN(Date.parse(value)) ? value : undefined;
}

/** The floors of a lock by repository: one for each of its images. */
export function floorsOf({ images }: LockFile): ReadonlyMap<string, readonly Floor[]> {
  const floors = new Map<string, Floor[]>();
  for (const { repository, versions, rootSha256, onlineKeyIds } of images) {
    floors.set(repository, [...(floors.get(repository) ?? []), { versions, rootSha256, onlineKeyIds }]);
  }
  return floors;
}
