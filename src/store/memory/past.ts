/** What was before an import, in memory: files of older versions than what it brought. */
import { Buffer } from "node:buffer";
import { StoreError } from "../../core/errors.ts";
import type { ImportRecord } from "../contract/imports.ts";
import type { MetadataReference, NewMetadata, StoredMetadata } from "../contract/store.ts";
import { byVersion, type File, type Repository } from "./repository.ts";

/** The newest file of a role that is meant. */
export function storedFile(
  { files, past }: Repository,
  role: string,
  isMeant: (file: StoredMetadata) => boolean,
): File | undefined {
  const older = past.filter((each) => each.role === role && isMeant(each)).sort(byVersion);
  return files.get(role)?.findLast(isMeant) ?? older.at(-1);
}

/** `CONFLICT` if `putBehind` must not happen. @param next the version of a role that the same change makes current */
export function checkPast(
  found: Repository | undefined,
  files: readonly NewMetadata[],
  next: (role: string) => number | undefined,
): void {
  for (const { role, version, sha256 } of files) {
    const known = found && knownFile(found, role, version);
    if (known?.sha256 === sha256) continue;
    if (known !== undefined) {
      throw new StoreError("CONFLICT", "A file of this version is stored with other bytes.");
    }
    const now = next(role) ?? found?.files.get(role)?.at(-1)?.version;
    if (now !== undefined && version >= now) {
      throw new StoreError("CONFLICT", "A file of the past is above the current one.");
    }
  }
}

/** Each counts to the import that the next later version of its role came with. Gives how many were not there. */
export function putBehind(
  found: Repository,
  files: readonly NewMetadata[],
  last: Pick<ImportRecord, "revision" | "at">,
): number {
  let added = 0;
  for (const { role, version, sha256, bytes, expires } of files) {
    if (knownFile(found, role, version) !== undefined) continue;
    const { revision, at: storedAt } = importOf(found, role, version) ?? last;
    const { length } = bytes;
    const copy = Buffer.from(bytes);
    found.past.push({ role, version, sha256, length, bytes: copy, expires, storedAt, revision });
    added++;
  }
  return added;
}

/** Stored, or taken away since. */
function knownFile(found: Repository, role: string, version: number): MetadataReference | undefined {
  const isIt = (file: MetadataReference) => file.version === version;
  return storedFile(found, role, isIt) ?? found.removed.find((file) => file.role === role && isIt(file));
}

function importOf(
  { files, past, imports }: Repository,
  role: string,
  version: number,
): ImportRecord | undefined {
  const later = [...past.filter((file) => file.role === role), ...(files.get(role) ?? [])]
    .filter((file) => file.version > version)
    .sort(byVersion);
  for (const { revision } of later) {
    const found = imports.find((each) => each.revision === revision);
    if (found !== undefined) return found;
  }
  return undefined;
}
