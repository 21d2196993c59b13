/**
 * The part of the store contract (`store.ts`) by which superseded files are taken away. `test/contract/store/retention.ts`
 * is the same text as tests.
 *
 * **What stays.** A file that is current, and every root, is never taken away. Of any other the bytes go, so that it is
 * found neither by version nor by digest, and its row stays: role, version, digest, length and dates, as long as the
 * incarnation lives.
 *
 * **One change.** What was taken away is told by one record of the audit trail (`removedRecord`), which the store appends in the
 * same change, of what it took away itself. Where nothing was left to take there is none.
 *
 * **What does not change.** Revision, record of changes and changefeed: nothing was published. A row of the changefeed may
 * name a file that is gone.
 *
 * Which files may go is decided by whoever asks. **Names, time, durability, errors** are those of the store.
 */
import { canonicalText } from "../../core/canonical.ts";
import { isObject, type Json, member, parseJson } from "../../core/json.ts";
import type { AuditActor, AuditRecord } from "./audit.ts";

/** A file without its bytes: a `MetadataReference` of the store, and what was committed beside it. */
export interface StoredFile {
  readonly role: string;
  readonly version: number;
  readonly sha256: string;
  readonly length: number;
  readonly storedAt: number;
  readonly expires: number;
  /** Of the repository, when the file was committed. */
  readonly revision: number;
}

export interface RemovedFile extends StoredFile {
  readonly removedAt: number;
}

export interface RetentionRequest {
  readonly repository: string;
  /** In which the files were seen. */
  readonly incarnation: number;
  readonly at: number;
  readonly actor: AuditActor;
  /** 1 … 1000; no file twice. */
  readonly files: readonly { readonly role: string; readonly version: number }[];
}

export interface RetentionStore {
  /**
   * Stored files of the present incarnation, by role in byte order, then version, strictly after the given ones.
   * `limit`: 1 … 1000.
   */
  files(
    repository: string,
    after: { readonly role: string; readonly version: number },
    limit: number,
  ): Promise<readonly StoredFile[]>;
  /**
   * Takes away all of these, and resolves to how many that were; one that is gone already does not count. `CONFLICT`, and
   * nothing is changed: one of them is current or a root, or the repository lives another life.
   */
  remove(request: RetentionRequest): Promise<number>;
  /** What was taken away in the present incarnation, in the order of `files`. `limit`: 1 … 1000. */
  removedFiles(
    repository: string,
    after: { readonly role: string; readonly version: number },
    limit: number,
  ): Promise<readonly RemovedFile[]>;
  /** The file of a role by its digest, if it was taken away in the present incarnation. */
  removed(repository: string, role: string, sha256: string): Promise<RemovedFile | undefined>;
}

/** Bytes of the roles in one record, far below what a detail may have. */
const roomForRoles = 48 * 1024;

/**
 * The record of what one request took away: how many files, how many bytes, and of each role which versions, as `1-40,43`.
 * Roles for which there is no room are counted.
 */
export function removedRecord(
  { repository, at, actor }: Omit<RetentionRequest, "files">,
  files: readonly Pick<StoredFile, "role" | "version" | "length">[],
): AuditRecord {
  const versions = new Map<string, number[]>();
  for (const { role, version } of files) versions.set(role, [...(versions.get(role) ?? []), version]);
  const roles = [];
  let room = roomForRoles;
  for (const [role, of] of versions) {
    const entry = { role, versions: ranges(of) };
    room -= Buffer.byteLength(canonicalText(entry), "utf8") + 1;
    if (room < 0) break;
    roles.push(entry);
  }
  const left = versions.size - roles.length;
  const bytes = files.reduce((sum, { length }) => sum + length, 0);
  const detail = { files: files.length, bytes, roles, ...(left > 0 && { rolesLeftOut: left }) };
  return { at, actor, repository, kind: "files.removed", detail: canonicalText(detail) };
}

function ranges(versions: readonly number[]): string {
  const found: [from: number, to: number][] = [];
  for (const version of versions.toSorted((a, b) => a - b)) {
    const last = found.at(-1);
    if (last?.[1] === version - 1) last[1] = version;
    else found.push([version, version]);
  }
  return found.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(",");
}

/** What such a record says; undefined: it is none. */
export function readRemoval(detail: string):
  | {
      readonly files: number;
      readonly roles: readonly {
        readonly role: string;
        readonly versions: readonly (readonly [from: number, to: number])[];
      }[];
    }
  | undefined {
  const value = jsonIn(detail);
  if (!isObject(value)) return undefined;
  const [files, roles] = [member(value, "files"), member(value, "roles")];
  if (typeof files !== "number" || !Array.isArray(roles)) return undefined;
  const found = [];
  for (const each of roles as readonly Json[]) {
    const role = isObject(each) ? member(each, "role") : undefined;
    const text = isObject(each) ? member(each, "versions") : undefined;
    if (typeof role !== "string" || typeof text !== "string") return undefined;
    const versions = text.split(",").map((range) => {
      const [from = "", to = from] = range.split("-");
      return [Number(from), Number(to)] as const;
    });
    if (!versions.every(([from, to]) => Number.isSafeInteger(from) && Number.isSafeInteger(to) && from <= to))
      return undefined;
    found.push({ role, versions });
  }
  return { files, roles: found };
}

function jsonIn(detail: string): Json | undefined {
  try {
    return parseJson(Buffer.from(detail, "utf8"), { controlCharacters: false }).value;
  } catch {
    return undefined;
  }
}
