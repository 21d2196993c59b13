/** What the sub-paths of the package have in common: every type that their functions speak of. */

export type * from "./index.ts";
export type { Failure, Place } from "./locking/coverage.ts";
export { encodeLock, readLock } from "./locking/lockfile.ts";
export { LockRefused, type Move } from "./locking/locking.ts";
export type { LockedText, LockTextOptions } from "./locking/text.ts";
