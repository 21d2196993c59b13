/**
 * Every refusal Vidimus can utter, in one place.
 *
 * Five families, each with a closed set of codes:
 *
 * - `malformed`    the bytes are not what the format allows; nothing was verified
 * - `unauthentic`  well formed, but not signed, not fresh or not consistent enough to be trusted
 * - `refused`      authentic, but this server does not accept it (policy, limits of use)
 * - `store`        the store could not do what was asked, or somebody else did it first
 * - `signer`       the holder of the online keys could not do what was asked
 *
 * A code is stable: it is asserted in tests, printed to people and mapped to each API's words in
 * `http/errors.ts`, which does not compile while a code is unmapped. The message is one sentence
 * that says who must do what. Messages and `detail` go to strangers: never put a secret, a path, a
 * host name or a driver's text in them; those belong in `cause`, which is only logged.
 */

export const malformedCodes = [
  "NOT_UTF8",
  "NOT_JSON",
  "DUPLICATE_MEMBER",
  "TOO_DEEP",
  "TOO_LARGE",
  "TOO_MANY",
  "BAD_NUMBER",
  "BAD_STRING",
  "BAD_SHAPE",
  "BAD_TYPE",
  "BAD_DATE",
  "BAD_ENCODING",
  "BAD_KEY",
  "KEY_ID_MISMATCH",
  "PRIVATE_KEY_PUBLISHED",
  "BAD_VERSION",
  "BAD_THRESHOLD",
  "BAD_DELEGATION",
  "UNSIGNED_MEMBER",
  "BAD_REPOSITORY_NAME",
  "BAD_ROLE_NAME",
  "NO_FILENAME",
  "BAD_UPLOAD",
  "UPLOAD_TOO_LARGE",
  "EMPTY_UPLOAD",
  "DUPLICATE_ROLE",
  "UNSUPPORTED_ENCODING",
  "BAD_PARAMETER",
  "BAD_REQUEST",
  "HEADERS_TOO_LARGE",
  "NOT_CANONICAL",
] as const;

export const unauthenticCodes = [
  "NO_ROOT",
  "ROOT_VERSION",
  "ROOT_CERTIFICATE",
  "ROOT_NOT_SIGNED_BY_PREVIOUS",
  "ROOT_NOT_SELF_SIGNED",
  "THRESHOLD",
  "EXPIRED",
  "ROLLBACK",
  "VERSION_STEP",
  "TARGETS_MISSING",
  "TARGETS_LOCKED_OUT",
  "UNDECLARED_ROLE",
  "HASH_MISMATCH",
  "LENGTH_MISMATCH",
  "SNAPSHOT_INCOMPLETE",
  "SNAPSHOT_UNKNOWN_ROLE",
  "SNAPSHOT_MISSING",
  "ONLINE_KEY_UNKNOWN",
  "UNREACHABLE_THRESHOLD",
  "OUTSIDE_PATHS",
  "BAD_SIGNATURE",
  "UNKNOWN_SIGNER",
  "BAD_REJECTION",
] as const;

export const refusedCodes = [
  "REPOSITORY_NOT_SERVED",
  "KEY_SEPARATION",
  "EXAMPLE_KEY",
  "NO_RULE",
  "POLICY_AMBIGUOUS",
  "PIN_MISMATCH",
  "PIN_ROTATED",
  "POLICY_THRESHOLD",
  "THRESHOLD_TOO_LOW",
  "ALGORITHM_NOT_ALLOWED",
  "DELEGATION_PATHS",
  "NAME_OUTSIDE_PATHS",
  "LIFETIME",
  "POLICY_VERSION_STEP",
  "TOO_MANY_PENDING_KEYS",
  "READ_ONLY",
  "OVERLOADED",
  "EXAMINATION_FAILED",
  "REQUEST_TIMEOUT",
  "EXPECTATION_FAILED",
  "NOT_FOUND",
  "UNAUTHORIZED",
  "FORBIDDEN",
  "TOO_MANY_REQUESTS",
  "NAME_TAKEN",
  "TOO_MANY_ENTRIES",
  "TOO_MANY_PROPOSALS",
  "PROPOSAL_CLOSED",
  "KEY_DENIED",
  "TOO_MANY_DENIED",
  "NOT_KEPT",
  "ONLINE_KEY_UNLISTED",
  "IMPORT_CONFLICT",
  "NOT_ADOPTED",
] as const;

export const storeCodes = [
  "CONFLICT",
  "STORE_UNAVAILABLE",
  "COMMIT_UNKNOWN",
  "STORE_LOCKED",
  "STORE_NEWER",
  "MIGRATION_EDITED",
  "STORE_UNWRITABLE",
  "STORE_CORRUPT",
  "STORE_BEHIND",
] as const;

export const signerCodes = [
  "SIGNER_UNAVAILABLE",
  "WRONG_SECRET",
  "SEALED_KEY_DAMAGED",
  "BAD_SECRET",
  "KEY_UNSUITABLE",
] as const;

export type MalformedCode = (typeof malformedCodes)[number];
export type UnauthenticCode = (typeof unauthenticCodes)[number];
export type RefusedCode = (typeof refusedCodes)[number];
export type StoreCode = (typeof storeCodes)[number];
export type SignerCode = (typeof signerCodes)[number];
export type Code = MalformedCode | UnauthenticCode | RefusedCode | StoreCode | SignerCode;
export type Family = "malformed" | "unauthentic" | "refused" | "store" | "signer";

/** One of several reasons of a refusal, when all of them are known at once. */
export interface Reason {
  readonly code: RefusedCode;
  readonly role: string | undefined;
  /** What is wrong. */
  readonly sentence: string;
  /** Who must do what. */
  readonly fix: string;
  readonly detail?: ErrorContext["detail"];
}

export interface ErrorContext {
  /** The role the refusal is about, when there is one. */
  readonly role?: string;
  /** Small, public facts for machines: numbers, key IDs, names. */
  readonly detail?: Readonly<Record<string, string | number | readonly string[]>>;
  /** Every reason, the most important first, where there may be several; the error's own code and role are its. */
  readonly reasons?: readonly Reason[];
  /** Whole seconds after which the same may be taken, where that is known. */
  readonly retryAfter?: number;
  /** What lay underneath. Logged, never sent. */
  readonly cause?: unknown;
}

/** The base of every refusal. Throw one of the subclasses, so that family and code always agree. */
export abstract class VidimusError extends Error {
  abstract readonly family: Family;
  readonly code: Code;
  readonly role: string | undefined;
  readonly detail: ErrorContext["detail"];
  readonly reasons: readonly Reason[];
  readonly retryAfter: number | undefined;

  constructor(code: Code, message: string, context: ErrorContext = {}) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.name = new.target.name;
    this.code = code;
    this.role = context.role;
    this.detail = context.detail;
    this.reasons = context.reasons ?? [];
    this.retryAfter = context.retryAfter;
  }
}

export class MalformedError extends VidimusError {
  readonly family = "malformed";
  declare readonly code: MalformedCode;
  constructor(code: MalformedCode, message: string, context?: ErrorContext) {
    super(code, message, context);
  }
}

export class UnauthenticError extends VidimusError {
  readonly family = "unauthentic";
  declare readonly code: UnauthenticCode;
  constructor(code: UnauthenticCode, message: string, context?: ErrorContext) {
    super(code, message, context);
  }
}

export class RefusedError extends VidimusError {
  readonly family = "refused";
  declare readonly code: RefusedCode;
  constructor(code: RefusedCode, message: string, context?: ErrorContext) {
    super(code, message, context);
  }
}

export class StoreError extends VidimusError {
  readonly family = "store";
  declare readonly code: StoreCode;
  constructor(code: StoreCode, message: string, context?: ErrorContext) {
    super(code, message, context);
  }
}

export class SignerError extends VidimusError {
  readonly family = "signer";
  declare readonly code: SignerCode;
  constructor(code: SignerCode, message: string, context?: ErrorContext) {
    super(code, message, context);
  }
}
