/** What can keep a command about people and tokens, or a login, from being done. Codes are stable. */
export const accessCodes = [
  "ACCESS_DENIED",
  "ACCESS_UNKNOWN",
  "ACCESS_TAKEN",
  "ACCESS_REFUSED",
  "ACCESS_UNREACHABLE",
  "LOGIN_ISSUER",
  "LOGIN_FAILED",
  "LOGIN_REFUSED",
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
