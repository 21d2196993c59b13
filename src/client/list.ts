/** `@vidimus/client/list`: locks a plain list of references, one a line. */
import { type LockedText, type LockTextOptions, lockText } from "./lock-text.ts";

export type { Failure, Place } from "./coverage.ts";
export { encodeLock, type LockedImage, type LockFile, readLock, type UnverifiedUse } from "./lockfile.ts";
export { LockRefused, type Move } from "./locking.ts";
export type { LockedText, LockTextOptions };

/** Every image verified, then the text with digests. Throws `LockRefused`, or `TrustError` for a text that cannot be read. */
export function lockList(text: string, options: LockTextOptions): Promise<LockedText> {
  return lockText("list", text, options);
}
