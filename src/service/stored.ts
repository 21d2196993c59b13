/**
 * Files as they come out of the store. What was stored was verified, but a disk, a restored back-up or somebody with
 * the file in an editor may have changed it since: so bytes are hashed once when they enter memory, and a stored file
 * that cannot be believed any more is the store's fault, never the caller's.
 */
import { sha256Hex } from "../core/bytes.ts";
import { StoreError, VidimusError } from "../core/errors.ts";
import type { StoredMetadata } from "../store/store.ts";

/** The bytes, if they still have their digest. Throws `STORE_CORRUPT`. */
export function intactBytes({ bytes, sha256, role }: StoredMetadata): Buffer {
  const buffer = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (sha256Hex(buffer) !== sha256) throw damaged(role, "does not have its digest any more");
  return buffer;
}

/** Runs what reads or verifies a stored file: a refusal there means that the store is damaged. */
export function believing<T>(role: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof VidimusError && (error.family === "malformed" || error.family === "unauthentic")) {
      throw damaged(role, "cannot be verified any more", error);
    }
    throw error;
  }
}

/** `STORE_CORRUPT`, for the operator. */
export function damaged(role: string, what: string, cause?: unknown): StoreError {
  return new StoreError("STORE_CORRUPT", `The stored ${role} ${what}: restore the store from a back-up.`, {
    role,
    cause,
  });
}
