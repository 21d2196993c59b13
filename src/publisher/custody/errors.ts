/** What can be wrong with the keys of people: closed codes, each with how a command ends. */

export const keyCodes = [
  "KEY_UNKNOWN",
  "KEY_AMBIGUOUS",
  "KEY_EXISTS",
  "KEY_CLOSED",
  "KEY_UNSUPPORTED",
  "KEY_FILE_UNREADABLE",
  "KEY_FILE_UNWRITABLE",
  "KEY_FILE_DAMAGED",
  "PASSPHRASE_MISSING",
  "PASSPHRASE_WRONG",
  "AGENT_UNREACHABLE",
  "AGENT_REFUSED",
  "TOKEN_DRIVER_MISSING",
  "TOKEN_UNREADABLE",
  "TOKEN_REFUSED",
] as const;
export type KeyCode = (typeof keyCodes)[number];

/** One sentence that says who must do what. */
export class KeyError extends Error {
  readonly code: KeyCode;

  constructor(code: KeyCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "KeyError";
    this.code = code;
  }
}
