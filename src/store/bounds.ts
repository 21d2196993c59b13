/**
 * The bounds every back end keeps, checked before anything reaches a driver. Whoever calls a store has
 * checked what came from outside, so a breach is a fault of ours and gives a `RangeError`; nothing is
 * written.
 *
 * Names must be well-formed Unicode: two names that differ only in lone surrogates have the same UTF-8.
 */
import { type AuditActor, type AuditRecord, maxAuditDetail } from "./contract/audit.ts";
import type { HeldKeys, HistoryRequest, ImportStore } from "./contract/imports.ts";
import type {
  ChangeQuery,
  FloorRequest,
  KeyringChange,
  NewMetadata,
  OnlineKey,
  PendingKeyLimits,
  Publication,
  Removal,
} from "./contract/store.ts";

export const maxVersion = 2_147_483_647;
/** Rows of a changefeed page or of a list of names. */
export const maxPage = 1_000;
/** Names handed out by one claim. */
export const maxClaim = 1_000;
/** Rows of `otherUsers`. */
export const maxOtherUsers = 100;

export const maxText = 4_096;
export const maxPrincipal = 255;
const maxFiles = 10_000;
const maxKeyIds = 10_000;
const maxKeyUses = 100_000;
const maxReference = 262_144;
const maxPublicKey = 65_536;
const maxRecord = 65_536;
const digest = /^[0-9a-f]{64}$/;

export function demand(holds: boolean, what: string): asserts holds {
  if (!holds) throw new RangeError(`The store was asked for something out of bounds: ${what}.`);
}

export function isText(text: unknown, most: number): boolean {
  return typeof text === "string" && text.length <= most && text.isWellFormed();
}

export function checkName(name: string): void {
  demand(isText(name, maxText), "a name");
}

export function checkInstant(instant: number): void {
  demand(Number.isSafeInteger(instant), "an instant");
}

export function checkLimit(limit: number, most: number): void {
  demand(Number.isInteger(limit) && limit >= 1 && limit <= most, "a limit");
}

export function isVersion(version: number): boolean {
  return Number.isInteger(version) && version >= 1 && version <= maxVersion;
}

export function checkKeyIds(keyIds: readonly string[]): void {
  demand(keyIds.length <= maxKeyIds && keyIds.every((id) => isText(id, maxText)), "key IDs");
}

export function checkRecord(record: Uint8Array): void {
  demand(record instanceof Uint8Array && record.length >= 1 && record.length <= maxRecord, "a record");
}

export function checkKeyringChange({ expected, record, audit }: KeyringChange): void {
  checkRecord(expected);
  checkRecord(record);
  checkAuditRecord(audit, "");
}

const auditKind = /^[a-z][a-z-]{0,39}\.[a-z][a-z-]{0,39}$/;

/** @param repository the one of the change that it tells of; undefined where the record stands alone */
export function checkAuditRecord(record: AuditRecord, repository?: string): void {
  const { actor, detail } = record;
  checkName(record.repository);
  checkInstant(record.at);
  demand(repository === undefined || record.repository === repository, "a record of something else");
  demand(auditKind.test(record.kind), "a kind of record");
  checkActor(actor);
  demand(isText(detail, maxAuditDetail) && /^\{.*\}$/s.test(detail), "a detail");
  demand(Buffer.byteLength(detail, "utf8") <= maxAuditDetail, "a detail");
}

export function checkActor({ name, method, address }: AuditActor): void {
  demand(isText(name, maxPrincipal) && isText(method, 64), "an actor");
  demand(isText(address, 255), "an address");
}

export function checkChangeQuery(query: ChangeQuery): void {
  if (query.repository !== undefined) checkName(query.repository);
  demand(query.from === undefined || Number.isSafeInteger(query.from), "a place in the changefeed");
  demand(query.direction === "forwards" || query.direction === "backwards", "a direction");
  checkLimit(query.limit, maxPage);
}

export function checkOnlineKey(key: OnlineKey): void {
  checkName(key.repository);
  demand(key.role === "timestamp" || key.role === "snapshot", "an online role");
  demand(isText(key.keyId, maxText) && isText(key.keytype, maxText), "a key's ID or type");
  demand(isText(key.publicKey, maxPublicKey), "a public key");
  demand(key.reference instanceof Uint8Array && key.reference.length <= maxReference, "a reference");
  checkInstant(key.createdAt);
}

export function checkPendingLimits(limits: PendingKeyLimits): void {
  demand(Number.isSafeInteger(limits.most) && limits.most >= 0, "a number of pending keys");
  checkInstant(limits.endOfLife);
  checkInstant(limits.mayGiveWay);
}

export function checkRemoval({ repository, at, principal, audit }: Removal): void {
  checkName(repository);
  checkInstant(at);
  demand(isText(principal, maxPrincipal), "a principal");
  checkAuditRecord(audit, repository);
}

export function checkFloor(request: FloorRequest): void {
  checkRemoval(request);
  checkFormat(request.format);
  for (const [role, version] of request.floor) {
    checkName(role);
    demand(isVersion(version), "a version");
  }
}

function checkFormat(format: string): void {
  demand(format === "notary" || format === "tuf", "a format");
}

const kinds: readonly string[] = ["publish", "refresh", "import"];

function checkFile(file: NewMetadata): void {
  checkName(file.role);
  demand(isVersion(file.version), "a version");
  demand(digest.test(file.sha256), "a digest");
  demand(file.bytes instanceof Uint8Array, "bytes");
  checkInstant(file.expires);
}

function checkImported({ kind, imported, repository }: Publication): void {
  demand((kind === "import") === (imported !== undefined), "an import");
  if (imported === undefined) return;
  demand(isText(imported.origin, maxText), "an origin");
  checkOlderFiles(imported.history);
  checkKeysOf(repository, imported.keys);
}

function checkOlderFiles(files: readonly NewMetadata[]): void {
  demand(files.length <= maxFiles, "files");
  for (const file of files) checkFile(file);
  demand(
    new Set(files.map(({ role, version }) => `${version} ${role}`)).size === files.length,
    "a file twice",
  );
}

function checkKeysOf(repository: string, keys: readonly OnlineKey[]): void {
  demand(keys.length <= maxKeyIds && keys.every((key) => key.repository === repository), "keys");
  for (const key of keys) checkOnlineKey(key);
}

export function checkHistory(request: HistoryRequest): void {
  const { incarnation, files } = request;
  checkRemoval(request);
  demand(Number.isSafeInteger(incarnation), "an incarnation");
  demand(files.length >= 1, "files");
  checkOlderFiles(files);
}

export function checkHeldKeys(request: HeldKeys): void {
  checkRemoval(request);
  demand(Number.isSafeInteger(request.expectedRevision), "a revision");
  demand(request.keys.length >= 1, "keys");
  checkKeysOf(request.repository, request.keys);
  if (request.renewAt !== undefined) checkInstant(request.renewAt);
}

export function checkVersionsQuery(query: Parameters<ImportStore["versions"]>[0]): void {
  checkName(query.repository);
  checkName(query.role);
  demand(Number.isSafeInteger(query.after), "a version");
  checkLimit(query.limit, maxPage);
}

export function checkPublication(publication: Publication): void {
  const { metadata, keyUses } = publication;
  checkName(publication.repository);
  checkFormat(publication.format);
  demand(kinds.includes(publication.kind), "a kind");
  demand(
    Number.isSafeInteger(publication.expectedRevision) && publication.expectedRevision >= 0,
    "a revision",
  );
  demand(isText(publication.principal, maxPrincipal), "a principal");
  checkAuditRecord(publication.audit, publication.repository);
  if (publication.proposal !== undefined) checkName(publication.proposal);
  checkInstant(publication.at);
  if (publication.renewAt !== undefined) checkInstant(publication.renewAt);
  checkKeyIds(publication.activateKeys);

  demand(metadata.length >= 1 && metadata.length <= maxFiles, "files");
  demand(new Set(metadata.map((file) => file.role)).size === metadata.length, "a role twice");
  for (const file of metadata) checkFile(file);
  checkImported(publication);
  if (keyUses === undefined) return;
  demand(keyUses.length <= maxKeyUses, "key uses");
  for (const use of keyUses) demand(isText(use.material, maxText) && isText(use.role, maxText), "a key use");
}

/** The farthest instant at which a claim can end that was made by a clock like the caller's own. */
export function farthestClaim({ now, leaseUntil }: { now: number; leaseUntil: number }): number {
  return leaseUntil + (leaseUntil - now);
}
