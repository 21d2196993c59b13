/** What can be wrong with the two ends of an import, and of the way back. */

export const sourceCodes = [
  /** It is not there, or not who it says it is. */
  "SOURCE_UNREACHABLE",
  /** It cannot give something that it has: every try ended with an error, with what is no answer, or not at all. */
  "SOURCE_FAILING",
  /** It wants credentials, or others. */
  "SOURCE_FORBIDDEN",
  /** Its tokens come from a service that nobody has said to trust with credentials. */
  "SOURCE_REALM",
  /** It has no list of its repositories. */
  "SOURCE_LIST",
  /** It goes on beyond every bound. */
  "SOURCE_ENDLESS",
] as const;
export type SourceCode = (typeof sourceCodes)[number];

/** Those that concern one repository, and say nothing of the others. */
export const sourceCodesOfOne = [
  "SOURCE_FAILING",
  "SOURCE_FORBIDDEN",
  "SOURCE_ENDLESS",
] as const satisfies readonly SourceCode[];
const ofOne: ReadonlySet<SourceCode> = new Set(sourceCodesOfOne);

/** The sentence says who must do what, and names the source. */
export class SourceError extends Error {
  override readonly name = "SourceError";
  readonly code: SourceCode;
  constructor(code: SourceCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** Whether it is about one repository alone. */
export function isOfOneRepository(
  error: unknown,
): error is SourceError & { readonly code: (typeof sourceCodesOfOne)[number] } {
  return error instanceof SourceError && ofOne.has(error.code);
}

/** The time that was given to an import is over. */
export class TimeLimitError extends Error {
  override readonly name = "TimeLimitError";
  readonly code = "TIME_LIMIT";
}

/** It refused, by its own code; `UNEXPECTED` for an answer that is none of Vidimus. */
export class DestinationError extends Error {
  override readonly name = "DestinationError";
  readonly code: string;
  readonly status: number;
  constructor(code: string, status: number, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.status = status;
  }
}

export const backCodes = [
  /** The folder, database or server that repositories go back to cannot be used. */
  "EXPORT_PLACE",
  /** Another history is there. */
  "EXPORT_CONFLICT",
  /** What an earlier export has written there is not as it was written. */
  "EXPORT_DAMAGED",
  /** What is there was renewed as often as what is here, or more often. */
  "EXPORT_AHEAD",
  /** The signer there lacks keys that the root in force names. */
  "EXPORT_KEYS",
  /** Its roots do not follow one upon the other in what a publish interface takes. */
  "EXPORT_ROOTS",
  /** Readers have seen a later timestamp than the one that would come of it. */
  "EXPORT_TIMESTAMP",
  "EXPORT_EXPIRED",
  /** A file is of a form that an original server breaks. */
  "EXPORT_FORM",
  /** A file that a publish interface needs is here no more, or is one that it does not take. */
  "EXPORT_FILES",
  /** A name or version is larger than the original's tables hold. */
  "EXPORT_BOUNDS",
  /** What the server there has of it is not given, or does not verify. */
  "EXPORT_UNREADABLE",
  /** The server that it goes back to refused it. */
  "EXPORT_REFUSED",
] as const;
export type BackCode = (typeof backCodes)[number];

/** Why a repository cannot go back. All but `EXPORT_PLACE` are of one repository alone. */
export class BackError extends Error {
  override readonly name = "BackError";
  readonly code: BackCode;
  constructor(code: BackCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

export const shadowCodes = [
  /** One of both servers cannot be read. */
  "SHADOW_UNREADABLE",
  /** What was remembered of earlier comparisons cannot be read or written, or is of other servers. */
  "SHADOW_STATE",
  /** What was found cannot be written for a monitoring system. */
  "SHADOW_METRICS",
] as const;
export type ShadowCode = (typeof shadowCodes)[number];

/** Why two servers cannot be compared. */
export class ShadowError extends Error {
  override readonly name = "ShadowError";
  readonly code: ShadowCode;
  constructor(code: ShadowCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
