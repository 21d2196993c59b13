/** What can be wrong with the two ends of an import. */

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

/** The sentence says who must do what, and names the source. */
export class SourceError extends Error {
  override readonly name = "SourceError";
  readonly code: SourceCode;
  constructor(code: SourceCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
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
