/** What can keep a command about people and tokens from being done. Codes are stable. */
export const accessCodes = [
  "ACCESS_DENIED",
  "ACCESS_UNKNOWN",
  "ACCESS_TAKEN",
  "ACCESS_REFUSED",
  "ACCESS_UNREACHABLE",
] as const;
export type AccessCode = (typeof accessCodes)[number];

export class AccessError extends Error {
  readonly code: AccessCode;

  constructor(code: AccessCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "AccessError";
    this.code = code;
  }
}
