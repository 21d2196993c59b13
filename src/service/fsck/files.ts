/**
 * Every stored file of one repository, one after the other: its bytes against its row, the roots as a chain, and that
 * whatever a snapshot or timestamp ever named is still there. Of what retention takes away the row stays, so a reference
 * that leads nowhere is a row that was lost.
 *
 * The rows come by role in byte order, so roots come before all that they vouch for.
 */
import { sha256Hex } from "../../core/bytes.ts";
import { VidimusError } from "../../core/errors.ts";
import type { FormatRules } from "../../core/format/format.ts";
import type { FileReference, Metadata, Root } from "../../core/model.ts";
import type { TrustedSet } from "../../core/trusted-set.ts";
import { rootRole } from "../../core/verify.ts";
import type { FileRow, RepositoryRows } from "../../store/contract/inspection.ts";
import { type Examined, type Report, restore } from "./damage.ts";
import { checkMade, isImported } from "./record.ts";

/** Rows of one question. */
export const page = 200;

/** What pointers and keys are held against. */
export interface StoredFiles {
  /** The newest file of each role. */
  readonly newest: ReadonlyMap<string, FileRow>;
  /** False if the roots are no chain: nothing below them can be judged. */
  readonly rooted: boolean;
  /** IDs of the online roles' keys in any of the roots. */
  readonly onlineKeys: ReadonlySet<string>;
}

/** All rows of a repository, or those of one role. */
export function fileRows(rows: RepositoryRows, role?: string): Generator<FileRow> {
  return rowsInOrder((after) => rows.files(after, page), role);
}

type Place = Pick<FileRow, "role" | "version">;

/** Page by page, by role in byte order and then version. `read`: at most `page` rows strictly after a place. */
export function* rowsInOrder<T extends Place>(
  read: (after: Place) => readonly T[],
  role: string | undefined,
): Generator<T> {
  let after: Place = { role: role ?? "", version: 0 };
  for (;;) {
    const found = read(after);
    for (const row of found) {
      if (role !== undefined && row.role !== role) return;
      yield row;
    }
    const last = found.at(-1);
    if (last === undefined || found.length < page) return;
    after = last;
  }
}

export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Feeds the roots to `trusted`. */
export function checkFiles(
  rows: RepositoryRows,
  format: FormatRules,
  trusted: TrustedSet,
  examined: Examined,
  report: Report,
): StoredFiles {
  const newest = new Map<string, FileRow>();
  let rooted = true;
  let listed: ReadonlyMap<string, FileReference> = new Map();
  const held = new Set(rows.keys().map(({ keyId }) => keyId));
  const onlineKeys = new Set<string>();
  let last: FileRow | undefined;
  for (const row of fileRows(rows)) {
    examined.files++;
    newest.set(row.role, row);
    checkOrder(rows, last, row, report);
    last = row;
    const file = soundFile(rows, format, row, report);
    let isRenewed = false;
    if (row.role === "root" && rooted) rooted = isNextRoot(trusted, file, row, report);
    if (file?.signed.kind === "root") noteOnlineKeys(file.signed, onlineKeys);
    if (file?.signed.kind === "snapshot") {
      const brought = checkListed(rows, row, file.signed.meta, listed, report);
      isRenewed = !brought && file.signatures.some(({ keyId }) => held.has(keyId));
      listed = file.signed.meta;
    }
    if (file?.signed.kind === "timestamp") {
      const named = new Map([["snapshot", file.signed.snapshot]]);
      isRenewed = !checkListed(rows, row, named, new Map(), report);
    }
    checkMade(rows, row, isRenewed, report);
  }
  return { newest, rooted: rooted && newest.has("root"), onlineKeys };
}

/** Versions of a role were committed one after the other, but for those that were taken over together. */
function checkOrder(rows: RepositoryRows, before: FileRow | undefined, row: FileRow, report: Report): void {
  if (before === undefined || before.role !== row.role || before.revision < row.revision) return;
  if (before.revision === row.revision && isImported(rows, row)) return;
  const why = `Its row says revision ${row.revision}, and the version before it is of revision ${before.revision}: ${restore}`;
  report("FILE_MISLABELLED", row, why);
}

function noteOnlineKeys(root: Root, noted: Set<string>): void {
  for (const role of ["timestamp", "snapshot"] as const) {
    for (const id of rootRole(root, role).keys.keys()) noted.add(id);
  }
}

/** The file, if it is what its row says. */
function soundFile(
  rows: RepositoryRows,
  format: FormatRules,
  row: FileRow,
  report: Report,
): Metadata | undefined {
  const { role, version } = row;
  const bytes = bufferOf(rows.bytes(row.id) ?? new Uint8Array());
  if (sha256Hex(bytes) !== row.sha256) {
    report("FILE_ALTERED", row, `Its bytes are not those that were published: ${restore}`);
    return undefined;
  }
  if (bytes.length !== row.length) report("FILE_LENGTH", row, `Its row says another length: ${restore}`);
  let file: Metadata;
  try {
    file = format.parse(role, bytes);
  } catch (error) {
    if (!(error instanceof VidimusError)) throw error;
    const why = `It cannot be read as metadata (${error.code}): ${restore}`;
    report("FILE_MALFORMED", row, why);
    return undefined;
  }
  if (file.signed.version !== version || file.signed.expires !== row.expires) {
    const why = `Its row says another version or expiry than the file (version ${file.signed.version}): ${restore}`;
    report("FILE_MISLABELLED", row, why);
  }
  return file;
}

function isNextRoot(trusted: TrustedSet, file: Metadata | undefined, row: FileRow, report: Report): boolean {
  if (file === undefined) return false;
  try {
    trusted.addRoot(file.bytes, 0);
    return true;
  } catch (error) {
    if (!(error instanceof VidimusError)) throw error;
    const why = `It does not follow from the root before it (${error.code}), so no client gets past that one: ${restore}`;
    report("ROOT_CHAIN_BROKEN", row, why);
    return false;
  }
}

/**
 * `known`: what the file before this one named, and was looked up then. False if all that is named was there before this
 * file: then it was made anew without anything else.
 */
function checkListed(
  rows: RepositoryRows,
  by: FileRow,
  listed: ReadonlyMap<string, FileReference>,
  known: ReadonlyMap<string, FileReference>,
  report: Report,
): boolean {
  let brought = false;
  for (const [role, { hashes }] of listed) {
    const sha256 = hashes.get("sha256");
    if (sha256 === undefined || known.get(role)?.hashes.get("sha256") === sha256) continue;
    const revision = rows.revisionOf(role, sha256);
    brought ||= revision === undefined || revision === by.revision;
    // Of the past as much is here as was still to be had; what is current is followed as a client would.
    if (revision !== undefined || isImported(rows, by)) continue;
    const why = `The ${by.role} of version ${by.version} names a file of this role that is not stored (SHA-256 ${sha256}): ${restore}`;
    report("FILE_MISSING", { role }, why);
  }
  return brought;
}
