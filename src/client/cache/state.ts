/**
 * The text of a cached state: JSON with one member a line, so that a damage has a line.
 *
 * Roots, timestamp and snapshot stand in it whole (they are JSON text themselves, and strict UTF-8); files of targets by
 * role with digest and version. The last member is the digest of the text before it: the versions in a state are floors,
 * and one that a disk has changed would be told as a server that goes back. It is no seal against whoever can write here.
 */
import { isHex, sha256Hex } from "../../core/bytes.ts";
import { isObject, type Json, member } from "../../core/json.ts";
import { maxVersion } from "../../core/limits.ts";
import { isTargetsRole } from "../../core/names.ts";
import { JsonFile, listOf, string, whole } from "../files/json-file.ts";

export interface CacheKey {
  /** As `Fetcher.origin`. */
  readonly server: string;
  readonly repository: string;
}

export interface CachedFile {
  readonly sha256: string;
  readonly version: number;
}

export interface CachedState {
  /** The chain of roots from the first that was trusted, in order; at least one. */
  readonly roots: readonly Buffer[];
  /** Version of the last root, and of the timestamp (0: none). */
  readonly rootVersion: number;
  readonly timestampVersion: number;
  readonly timestamp: Buffer | undefined;
  readonly snapshot: Buffer | undefined;
  readonly targets: ReadonlyMap<string, CachedFile>;
  /** When the server was last asked with success: milliseconds since 1970 UTC. */
  readonly checkedAt: number;
}

const format = 1;
/** Roots of one chain. */
export const mostRoots = 2_048;
const mostRoles = 65_536;
const members = [
  "format",
  "server",
  "repository",
  "checkedAt",
  "rootVersion",
  "timestampVersion",
  "roots",
  "timestamp",
  "snapshot",
  "targets",
  "sha256",
];

/** Whether `readState` would read as much as this. */
export function isReadable({ roots, targets }: CachedState): boolean {
  return roots.length <= mostRoots && targets.size <= mostRoles;
}

/**
 * The newer of two states (a root ahead, or the same root and a timestamp ahead), with the versions of roles that whoever
 * made the other has seen since `base`. It is `present` itself if `next` adds nothing to it.
 */
export function joined(present: CachedState, next: CachedState, base: CachedState | undefined): CachedState {
  const [newer, older] = isNewer(present, next) ? [present, next] : [next, present];
  // Under another root versions may begin anew.
  if (newer.rootVersion !== older.rootVersion) return newer;
  const seen = [...older.targets].filter(
    ([role, { version }]) =>
      version !== base?.targets.get(role)?.version && version > (newer.targets.get(role)?.version ?? 0),
  );
  return seen.length === 0 ? newer : { ...newer, targets: new Map([...newer.targets, ...seen]) };
}

type Versions = Pick<CachedState, "rootVersion" | "timestampVersion">;

/** A root ahead, or the same root and a timestamp ahead. */
export function isNewer(a: Versions, b: Versions): boolean {
  if (a.rootVersion !== b.rootVersion) return a.rootVersion > b.rootVersion;
  return a.timestampVersion > b.timestampVersion;
}

export function encodeState({ server, repository }: CacheKey, state: CachedState): string {
  const text = (bytes: Buffer | undefined) => (bytes === undefined ? null : bytes.toString("utf8"));
  return withDigest(
    JSON.stringify(
      {
        format,
        server,
        repository,
        checkedAt: state.checkedAt,
        rootVersion: state.rootVersion,
        timestampVersion: state.timestampVersion,
        roots: state.roots.map(text),
        timestamp: text(state.timestamp),
        snapshot: text(state.snapshot),
        targets: [...state.targets].map(([role, file]) => ({ role, ...file })),
      },
      null,
      1,
    ),
  );
}

/** Behind a text of JSON without its last brace, what ends it with the digest of all that stands before. */
function withDigest(text: string): string {
  const before = text.slice(0, -"\n}".length);
  return `${before},\n "sha256": "${sha256Hex(Buffer.from(before, "utf8"))}"\n}\n`;
}

/** Whether a text ends with the digest of what stands before it. */
function hasItsDigest(text: string): boolean {
  const [end, digest] = /,\n "sha256": "([0-9a-f]{64})"\n\}\n$/.exec(text) ?? [];
  return end !== undefined && digest === sha256Hex(Buffer.from(text.slice(0, -end.length), "utf8"));
}

/** Which repository a state is of. Throws `CACHE_DAMAGED`. */
export function keyOfState(text: string, file: string): CacheKey {
  const json = new JsonFile(text, file, "CACHE_DAMAGED", "cached state");
  const object = json.object();
  return { server: json.read(object, "server", string), repository: json.read(object, "repository", string) };
}

/** Throws `CACHE_DAMAGED` with file and line for everything that `encodeState` does not write. */
export function readState(text: string, file: string, key: CacheKey): CachedState {
  const json = new JsonFile(text, file, "CACHE_DAMAGED", "cached state");
  const object = json.object();
  json.read(object, "format", (value) => (value === format ? true : undefined));
  json.read(object, "server", (value) => (value === key.server ? true : undefined));
  json.read(object, "repository", (value) => (value === key.repository ? true : undefined));
  const roots = json.read(object, "roots", (value) => listOf(value, mostRoots, bytesOf));
  if (roots.length === 0) throw json.fault(object, "roots");
  json.only(object, members);
  const state = {
    roots,
    checkedAt: json.read(object, "checkedAt", whole),
    rootVersion: json.read(object, "rootVersion", whole),
    timestampVersion: json.read(object, "timestampVersion", whole),
    timestamp: json.read(object, "timestamp", optionalBytes)[0],
    snapshot: json.read(object, "snapshot", optionalBytes)[0],
    targets: json.read(object, "targets", readTargets),
  };
  // Last, so that a damage that can be pointed at is.
  json.read(
    object,
    "sha256",
    () => hasItsDigest(text) || undefined,
    "is not the digest of what stands before it",
  );
  return state;
}

/** One buffer or none, in a list, so that "none" is not "unreadable". */
function optionalBytes(value: Json | undefined): readonly Buffer[] | undefined {
  if (value === null) return [];
  const bytes = bytesOf(value);
  return bytes && [bytes];
}

function bytesOf(value: Json | undefined): Buffer | undefined {
  return typeof value === "string" ? Buffer.from(value, "utf8") : undefined;
}

function readTargets(value: Json | undefined): ReadonlyMap<string, CachedFile> | undefined {
  if (!Array.isArray(value) || value.length > mostRoles) return undefined;
  const files = new Map<string, CachedFile>();
  for (const item of value as readonly Json[]) {
    if (!isObject(item) || Object.keys(item).length !== 3) return undefined;
    const [role, sha256, version] = ["role", "sha256", "version"].map((name) => member(item, name));
    if (typeof role !== "string" || !isTargetsRole(role) || files.has(role)) return undefined;
    if (typeof sha256 !== "string" || !isHex(sha256, 32)) return undefined;
    if (typeof version !== "number" || version < 1 || version > maxVersion) return undefined;
    files.set(role, { sha256, version });
  }
  return files;
}
