/** Files on their way out. */
import type { Metadata } from "../core/model.ts";
import type { CurrentMetadata, NewMetadata, StoredMetadata } from "../store/contract/store.ts";
import type { Served } from "./service.ts";
import { intactBytes } from "./stored.ts";

/** A file as the cache keeps it: an online role knows when it must not be served from there any more. */
export interface ServedFile extends Served {
  /** Milliseconds; undefined for roles that only people sign, whose expiry is the reader's business, and for files by version or digest. */
  readonly expires: number | undefined;
}

/** A file by version or digest. Throws `STORE_CORRUPT`. */
export function servedFromStore(stored: StoredMetadata): ServedFile {
  const { role, version, sha256, storedAt } = stored;
  return { role, version, bytes: intactBytes(stored), sha256, storedAt, expires: undefined };
}

/**
 * When it expires is taken from beside the bytes: that only decides when the refresher is asked, who decides by what is
 * signed. Throws `STORE_CORRUPT`.
 */
export function servedCurrent(stored: CurrentMetadata): ServedFile {
  return { ...servedFromStore(stored), expires: isOnline(stored.role) ? stored.expires : undefined };
}

export function servedFromMetadata({ role, bytes, sha256, signed }: Metadata, storedAt: number): ServedFile {
  return {
    role,
    bytes,
    sha256,
    storedAt,
    version: signed.version,
    expires: isOnline(role) ? signed.expires : undefined,
  };
}

/** A file on its way into the store. */
export function newMetadata({ role, bytes, sha256, signed }: Metadata): NewMetadata {
  return { role, bytes, sha256, version: signed.version, expires: signed.expires };
}

function isOnline(role: string): boolean {
  return role === "timestamp" || role === "snapshot";
}
