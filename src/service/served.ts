/** Files on their way out. */
import type { FormatRules } from "../core/format/format.ts";
import type { Metadata } from "../core/model.ts";
import type { NewMetadata, StoredMetadata } from "../store/store.ts";
import type { Served } from "./service.ts";
import { believing, intactBytes } from "./stored.ts";

/** A file as the cache keeps it: an online role knows when it must not be served from there any more. */
export interface ServedFile extends Served {
  /** Milliseconds; undefined for roles that only people sign, whose expiry is the reader's business. */
  readonly expires: number | undefined;
}

/** Throws `STORE_CORRUPT`. */
export function servedFromStore(format: FormatRules, stored: StoredMetadata): ServedFile {
  const { role, version, sha256, storedAt } = stored;
  const bytes = intactBytes(stored);
  const expires = isOnline(role)
    ? believing(role, () => format.parse(role, bytes)).signed.expires
    : undefined;
  return { role, version, bytes, sha256, storedAt, expires };
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
