/** `@vidimus/client`: verifies what is signed before anything is pulled. The README of the package has the examples. */

export {
  type MalformedCode,
  malformedCodes,
  type UnauthenticCode,
  unauthenticCodes,
} from "../core/errors.ts";
export {
  type Actor,
  type ClientCode,
  clientCodes,
  type Ending,
  type Explanation,
  endings,
  explain,
  type TrustCode,
  TrustError,
  type TrustErrorContext,
} from "./errors.ts";
export type { OnEvent, TrustEvent } from "./events.ts";
export type { ClientLimits } from "./limits.ts";
export { type LockedImage, type LockFile, readLock, type UnverifiedUse } from "./locking/lockfile.ts";
export type { TrustOptions } from "./options.ts";
export type { FoundRoot, RootKey } from "./pins/root-inspection.ts";
export { type ImageReference, parseReference } from "./reference.ts";
export type { ResolvedImage, SignedTarget, Signer } from "./result.ts";
export { type FileQuestion, type Outcome, openTrust, type Trust } from "./trust.ts";
