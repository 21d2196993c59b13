/** What the sub-paths of the package have in common: every type that their functions speak of. */
export type { Failure, Place } from "./coverage.ts";
export type * from "./index.ts";
export type { LockedText, LockTextOptions } from "./lock-text.ts";
export { encodeLock, readLock } from "./lockfile.ts";
export { LockRefused, type Move } from "./locking.ts";
