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
  /** Bare IDs of the keys that it may be about; undefined where that cannot be known, as of a place that cannot be read. */
  readonly about: readonly string[] | undefined;

  constructor(code: KeyCode, message: string, cause?: unknown, about?: readonly string[]) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "KeyError";
    this.code = code;
    this.about = about;
  }
}

/** What is refused in a file says in which. */
export function inFile<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    throw new KeyError(error.code, `${path}: ${error.message}`, error.cause, error.about);
  }
}

/** A fault that is about one key, where it does not say itself which. */
export function aboutKey({ code, message, cause, about }: KeyError, id: string): KeyError {
  return new KeyError(code, message, cause, about ?? [id]);
}

/**
 * The fault that may be why a wanted key is not found: of that very key before one of a place that may hold it. A key of
 * another kind that names nobody serves somebody else.
 */
export function hiding(faults: readonly KeyError[], isWanted: (id: string) => boolean): KeyError | undefined {
  return (
    faults.find(({ about }) => about?.some(isWanted)) ??
    faults.find(({ about, code }) => about === undefined && code !== "KEY_UNSUPPORTED")
  );
}
