/**
 * Why a server cannot start, and why one is not found ready. These sentences go to the operator's terminal and log, never to a client, so they name
 * the file or port that has to be mended. They never hold the content of a file.
 */
export type StartCode =
  | "DATA_UNUSABLE"
  | "PORT_IN_USE"
  | "PORT_FORBIDDEN"
  | "ADDRESS_UNAVAILABLE"
  | "SOCKET_IN_USE"
  | "SOCKET_UNUSABLE"
  | "CERTIFICATE_UNREADABLE"
  | "CERTIFICATE_BAD"
  | "CERTIFICATE_MISSING"
  | "CERTIFICATE_EXPIRED"
  | "KEY_UNREADABLE"
  | "KEY_BAD"
  | "KEY_MISMATCH"
  | "KEY_EXPOSED"
  | "READY_FILE_UNWRITABLE"
  /** What should be written is a file that the server lives by. */
  | "OWN_FILE"
  | "POLICY_UNUSABLE"
  | "TOKEN_KEYS_UNUSABLE"
  | "WEBHOOK_UNUSABLE"
  | "PASSWORD_FILE_UNUSABLE";

export class StartError extends Error {
  readonly code: StartCode;

  constructor(code: StartCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "StartError";
    this.code = code;
  }
}

export type ProbeCode = "NOT_READY" | "NO_ANSWER" | "ADDRESS_UNKNOWN";

/** The answer to whether a server is ready, when it is not a yes. */
export class ProbeError extends Error {
  readonly code: ProbeCode;

  constructor(code: ProbeCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "ProbeError";
    this.code = code;
  }
}

/** The system's short name for a failure, such as EACCES; `unknown` if there is none. */
export function systemCode(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return typeof code === "string" ? code : "unknown";
}
