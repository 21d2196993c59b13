/** What each question does with the past of one repository. */
import { changesBetween, type OfflineFiles } from "../../core/changes.ts";
import { MalformedError, RefusedError } from "../../core/errors.ts";
import { canonicalKeyId } from "../../core/keys.ts";
import type { Metadata, Root, Targets } from "../../core/model.ts";
import { isRole, isTargetsRole } from "../../core/names.ts";
import { agedEntries, agedLines } from "../../history/ages.ts";
import { instant, instantOrNull, type Line } from "../../history/answer.ts";
import { couldSign } from "../../history/could-sign.ts";
import { type KeyUse, keyUsesIn } from "../../history/key-uses.ts";
import { currentAt, offlineRoles, type Row, stateAt } from "../../history/past.ts";
import { isKey, signatureLines, signedVersion } from "../../history/signatures.ts";
import { listedSince, type Sinces, signingSince } from "../../history/since.ts";
import { certificatesIn, endingsOf, endsBy } from "../expiry/facts.ts";
import type { AuditRequest } from "./audit-service.ts";
import type { PastReader } from "./reader.ts";

export const day = 86_400_000;
/** Versions that one answer about signatures looks at, and that the past of one role's entries and keys is looked up in. */
export const versionsAtOnce = 200;

/** What a question of a repository gives: lines, and where the rest of them begins. */
export interface Part {
  readonly lines: readonly Line[];
  readonly next?: readonly [role: string, version: number];
}

export async function couldSignIn(reader: PastReader, request: AuditRequest, at: number): Promise<Part> {
  const path = given(request.path, "path");
  const { past, open } = reader;
  const lines: Line[] = [];
  for (const each of couldSign(await stateAt(past, at, open), path)) {
    const since = await signingSince(past, each.role, path, at, open);
    const keys = each.keys.map(canonicalKeyId);
    const [last] = [...since.values()].sort((a, b) => b.at - a.at);
    lines.push({
      role: each.role,
      inForce: each.inForce,
      threshold: each.threshold,
      keys,
      keysSince: keys.map((key) => instantOrNull(since.get(key)?.at) ?? "-"),
      usable: each.usable.length,
      paths: each.paths,
      through: each.through.map(({ role, version }) => `${role} ${version}`),
      since: instantOrNull(last?.at),
      orEarlier: [...since.values()].some(({ orEarlier }) => orEarlier),
      standing: each.standing,
      version: each.version ?? null,
      digest: each.digest === undefined ? null : `sha256:${each.digest}`,
    });
  }
  return { lines };
}

/** By role, then version, after a place. */
export async function signaturesIn(
  { past, open }: PastReader,
  { role, key }: AuditRequest,
  at: number,
  after: readonly [role: string, version: number] | undefined,
): Promise<Part> {
  if (role !== undefined && !isRole(role))
    throw bad("role: name root, targets, a delegation, snapshot or timestamp");
  const roles = role === undefined ? offlineRoles(past) : past.rows.has(role) ? [role] : [];
  const lines: Line[] = [];
  let looked = 0;
  const start = after === undefined ? 0 : Math.max(0, roles.indexOf(after[0]));
  for (const each of roles.slice(start)) {
    const from = after !== undefined && each === after[0] ? after[1] : 0;
    for (const row of past.rows.get(each) ?? []) {
      if (row.version <= from || row.storedAt > at) continue;
      if (looked === versionsAtOnce) return { lines, next: [each, row.version - 1] };
      looked++;
      const version = await signedVersion(past, row, open);
      const until = version.until !== undefined && version.until <= at ? version.until : undefined;
      lines.push(
        ...signatureLines(
          past.repository,
          { ...version, until },
          (signature) => key === undefined || isKey(signature, key),
        ),
      );
    }
  }
  return { lines };
}

/** Between two versions that were here at the instant; without a later one, up to what was current then. */
export async function changesIn(
  { past, open }: PastReader,
  request: AuditRequest,
  at: number,
): Promise<Part> {
  const role = given(request.role, "role");
  if (role !== "root" && !isTargetsRole(role)) throw bad("role: name root, targets or a delegation");
  const rows = past.rows.get(role)?.filter(({ storedAt }) => storedAt <= at);
  const to = rowOf(rows, request.to ?? currentAt(past, role, at)?.version ?? 1);
  const from = request.from === undefined ? to.version - 1 : request.from;
  const before = from === 0 ? undefined : rowOf(rows, from);
  const after = await keptFile(open, to);
  const old = before && (await keptFile(open, before));
  const changes = changesBetween(filesOf(role, old), filesOf(role, after));
  return {
    lines: changes.map(({ kind, file, subject, before: was, after: is, weakens }) => ({
      kind,
      weakens,
      file,
      subject,
      before: was ?? null,
      after: is ?? null,
    })),
  };
}

function filesOf(role: string, file: Metadata | undefined): OfflineFiles {
  if (file === undefined) return { root: undefined, targets: new Map() };
  return role === "root"
    ? { root: file.signed as Root, targets: new Map() }
    : { root: undefined, targets: new Map([[role, file.signed as Targets]]) };
}

function rowOf(rows: readonly Row[] | undefined, version: number): Row {
  const row = rows?.find((each) => each.version === version);
  if (row !== undefined) return row;
  throw new RefusedError(
    "NOT_FOUND",
    `Ask about a version that is or was here at that instant: there is no version ${version}.`,
  );
}

async function keptFile(open: PastReader["open"], row: Row): Promise<Metadata> {
  const file = await open(row);
  if (file !== undefined) return file;
  throw new RefusedError(
    "NOT_KEPT",
    `Ask about a later version, or restore a backup: ${row.role} ${row.version} was taken away by this server's retention, and its digest is all that is left.`,
    { role: row.role },
  );
}

/** Entries that were signed, or first seen, more than so many days before the instant. */
export async function oldIn({ past, open }: PastReader, request: AuditRequest, at: number): Promise<Part> {
  const before = at - given(request.days, "days") * day;
  const lines: Line[] = [];
  for (const role of offlineRoles(past)) {
    if (role === "root" || (request.role !== undefined && role !== request.role)) continue;
    const current = currentAt(past, role, at);
    if (current === undefined) continue;
    const rows = (past.rows.get(role) ?? []).filter(({ version }) => version <= current.version).toReversed();
    const versions: { row: Row; file: Metadata<Targets> | undefined }[] = [];
    for (const row of rows.slice(0, versionsAtOnce)) {
      versions.push({ row, file: (await open(row)) as Metadata<Targets> | undefined });
    }
    // What lies further back is as if it were not kept: the entries may be older.
    const further = rows[versionsAtOnce];
    if (further !== undefined) versions.push({ row: further, file: undefined });
    lines.push(...agedLines(past.repository, agedEntries(versions, before)));
  }
  return { lines };
}

/** By the list of the watch (`../expiry/facts.ts`); online roles, too, for who renewed them in the past is not known. */
export async function expiringIn(
  { past, open }: PastReader,
  request: AuditRequest,
  at: number,
): Promise<Part> {
  const isNear = endsBy(at + given(request.days, "days") * day);
  const lines: Line[] = [];
  const { repository } = past;
  for (const role of [...past.rows.keys()].sort()) {
    const row = currentAt(past, role, at);
    if (row === undefined) continue;
    const { version, expires } = row;
    // Those of the online roles are in the root.
    const file = role === "snapshot" || role === "timestamp" ? undefined : await open(row);
    const certificates = file === undefined ? [] : certificatesIn(file.signed);
    for (const ending of endingsOf({ repository, role, version }, { expires, certificates }).filter(isNear)) {
      const { kind, name, keyId, expires: end } = ending;
      const isFile = keyId === "";
      lines.push({
        repository,
        role,
        version,
        expires: instant(end),
        expired: end <= at,
        kind,
        name: isFile ? null : name,
        key: isFile ? null : keyId,
      });
    }
  }
  return { lines };
}

export async function usesIn({ past, open }: PastReader, at: number): Promise<readonly KeyUse[]> {
  return keyUsesIn(await stateAt(past, at, open));
}

/** Each with the instant since which it has counted. */
export async function useLines(
  { past, open }: PastReader,
  uses: readonly KeyUse[],
  at: number,
): Promise<readonly Line[]> {
  const lines: Line[] = [];
  const byRole = new Map<string, Sinces>();
  for (const use of uses) {
    let sinces = byRole.get(use.role);
    if (sinces === undefined) {
      const keys = new Set(uses.filter(({ role }) => role === use.role).map(({ key }) => key));
      sinces = await listedSince(past, use.role, keys, at, open);
      byRole.set(use.role, sinces);
    }
    const since = sinces.get(use.key);
    const { key, repository, role, threshold, by, ...rest } = useLine(use);
    const facts = { since: instantOrNull(since?.at), orEarlier: since?.orEarlier ?? false };
    lines.push({ key, repository, role, threshold, by, ...facts, ...rest });
  }
  return lines;
}

export function useLine(use: KeyUse) {
  const { repository, role, by, byVersion, key, listedAs, threshold, inForce } = use;
  return {
    key,
    repository,
    role,
    threshold,
    by: `${by} ${byVersion}`,
    inForce,
    listedAs,
  };
}

export function given<T>(value: T | undefined, name: string): T {
  if (value !== undefined) return value;
  throw bad(`${name}: this question needs it`);
}

export function bad(what: string): MalformedError {
  return new MalformedError(
    "BAD_PARAMETER",
    `Mend the request (${what}): /api/v1/openapi.json says how it looks.`,
  );
}
