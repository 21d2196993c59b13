/**
 * Files as they come out of the store. What was stored was verified, but a disk, a restored back-up or somebody with
 * the file in an editor may have changed it since: so bytes are hashed once when they enter memory, and a stored file
 * that cannot be believed any more is the store's fault, never the caller's.
 */
import { sha256Hex } from "../core/bytes.ts";
import { StoreError, VidimusError } from "../core/errors.ts";
import type { StoredMetadata } from "../store/contract/store.ts";

/** The bytes, if they still have their digest. Throws `STORE_CORRUPT`. */
export function intactBytes(stored: StoredMetadata): Buffer {
  const buffer = bufferOf(stored);
  if (sha256Hex(buffer) !== stored.sha256) throw altered(stored.role);
  return buffer;
}

/** Not believed yet. */
export function bufferOf({ bytes }: StoredMetadata): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** `STORE_CORRUPT`: the bytes are not those that were stored. */
export function altered(role: string): StoreError {
  return damaged(role, "does not have its digest any more");
}

/** Runs what reads or verifies a stored file: a refusal there means that the store is damaged. */
export function believing<T>(role: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw blamed(role, error);
  }
}

/** The same of what is done elsewhere. */
export async function believingLater<T>(role: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw blamed(role, error);
  }
}

function blamed(role: string, error: unknown): unknown {
  return error instanceof VidimusError && (error.family === "malformed" || error.family === "unauthentic")
    ? damaged(role, "cannot be verified any more", error)
    : error;
}

/** `STORE_CORRUPT`, for the operator. */
export function damaged(role: string, what: string, cause?: unknown): StoreError {
  return new StoreError("STORE_CORRUPT", `The stored ${role} ${what}: restore the store from a back-up.`, {
    role,
    cause,
  });
}
