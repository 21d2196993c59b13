/**
 * The lines of the mark's file: sixteen hexadecimal digits of the SHA-256 of what follows, a space, one JSON array.
 *
 *   ["mark", 1, bytes]                                    first line; bytes of the file when it was last made anew
 *   ["entry", repository, revision, incarnation, exists, {role: [version, sha256]}]
 *   ["position", id, repository, version, sha256]         after the entries that it covers
 *
 * JSON has no line ends of its own, so a line that was cut off ends where the next begins. Lines are bounded: the roles
 * of one repository go into several.
 */
import { createHash } from "node:crypto";
import type { MarkEntry, MarkedFile, Position } from "../mark.ts";

/** Roles of one line. */
const rolesOfLine = 200;
/** Characters of a line at most; what is longer was not written here. */
export const maxLine = 262_144;

const checksumLength = 16;
const digest = /^[0-9a-f]{64}$/;
const maxVersion = 2_147_483_647;
/** Digits of the first line's number, so that it can be written when everything else is. */
const sizeDigits = 15;

export type Line =
  | { readonly kind: "mark"; readonly bytes: number }
  | { readonly kind: "entry"; readonly entry: MarkEntry }
  | { readonly kind: "position"; readonly position: Position };

function seal(json: string): string {
  return `${checksum(json)} ${json}\n`;
}

function checksum(json: string): string {
  return createHash("sha256").update(json).digest("hex").slice(0, checksumLength);
}

/** Always of the same length. */
export function firstLine(bytes: number): string {
  return seal(`["mark",1,"${String(bytes).padStart(sizeDigits, "0")}"]`);
}

export function* entryLines({
  repository,
  revision,
  incarnation,
  exists,
  roles,
}: MarkEntry): Generator<string> {
  const files = [...roles];
  for (let from = 0; from === 0 || from < files.length; from += rolesOfLine) {
    const part = files
      .slice(from, from + rolesOfLine)
      .map(([role, { version, sha256 }]) => [role, [version, sha256]] as const);
    // Through pairs, so that a role may have any name.
    const members = part.map(([role, file]) => `${JSON.stringify(role)}:${JSON.stringify(file)}`).join(",");
    const head = JSON.stringify(["entry", repository, revision, incarnation, exists]);
    yield seal(`${head.slice(0, -1)},{${members}}]`);
  }
}

export function positionLine({ id, repository, version, sha256 }: Position): string {
  return seal(JSON.stringify(["position", id, repository, version, sha256]));
}

/** Which repository the line is about, as it stands there; undefined if it is no entry. Cheap: nothing is checked. */
export function subjectOf(line: string): string | undefined {
  return /^[0-9a-f]{16} \["entry",("(?:[^"\\]|\\.)*")/.exec(line)?.[1];
}

/** Without its line end. Undefined for what was cut off or altered. */
export function readLine(line: string): Line | undefined {
  const json = line.slice(checksumLength + 1);
  if (line[checksumLength] !== " " || line.slice(0, checksumLength) !== checksum(json)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value)) return undefined;
  const [kind, ...rest] = value as unknown[];
  if (kind === "mark") return readFirst(rest);
  return kind === "entry" ? readEntry(rest) : kind === "position" ? readPosition(rest) : undefined;
}

function readFirst([version, bytes]: readonly unknown[]): Line | undefined {
  if (version !== 1 || typeof bytes !== "string" || !/^[0-9]{15}$/.test(bytes)) return undefined;
  return { kind: "mark", bytes: Number(bytes) };
}

function readEntry([repository, revision, incarnation, exists, files]: readonly unknown[]): Line | undefined {
  if (typeof repository !== "string" || !isCount(revision) || !isCount(incarnation)) return undefined;
  if (typeof exists !== "boolean" || typeof files !== "object" || files === null) return undefined;
  const roles = new Map<string, MarkedFile>();
  for (const [role, file] of Object.entries(files)) {
    if (!Array.isArray(file)) return undefined;
    const [version, sha256] = file as unknown[];
    if (!isVersion(version) || !isDigest(sha256)) return undefined;
    roles.set(role, { version, sha256 });
  }
  return { kind: "entry", entry: { repository, revision, incarnation, exists, roles } };
}

function readPosition([id, repository, version, sha256]: readonly unknown[]): Line | undefined {
  if (!isCount(id) || typeof repository !== "string") return undefined;
  // A deletion has neither.
  const deletion = version === 0 && sha256 === "";
  if (!deletion && !(isVersion(version) && isDigest(sha256))) return undefined;
  return { kind: "position", position: { id, repository, version: Number(version), sha256: String(sha256) } };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isVersion(value: unknown): value is number {
  return isCount(value) && value >= 1 && value <= maxVersion;
}

function isDigest(value: unknown): value is string {
  return typeof value === "string" && digest.test(value);
}
