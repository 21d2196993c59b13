/**
 * Refusals in the words of the Notary API (notary-protocol.md 1.7, 1.8).
 *
 * One table from our codes to the API's, complete by the compiler; the default for everything that is not a refusal
 * is opaque. Clients read at most 1,024 bytes of a body and only its one error, so messages are cut to fit, and of
 * several reasons the first are told and the rest are counted. Our own code travels in the header `vidimus-code`.
 */
import { type Code, MalformedError, type Reason, VidimusError } from "../core/errors.ts";

export interface ErrorAnswer {
  readonly status: number;
  /** The API's code. */
  readonly code: string;
  /** The whole body, newline included. */
  readonly body: string;
  /** Our code; `INTERNAL` for what is not a refusal. */
  readonly own: Code | "INTERNAL";
  /** Codes of all reasons of a refusal that has several; each once. */
  readonly reasons: readonly Code[];
  /** Under which the log has more than the caller is told, where that is so. */
  readonly incident?: string;
  /** Whether the caller may try the same again after this many seconds. */
  readonly retryAfter: number | undefined;
}

/** The API's codes: status and exact message. */
const notaryErrors = {
  MALFORMED_UPLOAD: [400, "The body of your request is malformed."],
  NO_FILENAME: [400, "No file/role name provided."],
  INVALID_ROLE: [400, "The role you are attempting to operate on is invalid."],
  MALFORMED_JSON: [400, "JSON sent by the client could not be parsed by the server"],
  INVALID_UPDATE: [400, "Update sent by the client is invalid."],
  VERSION: [400, "A newer version of metadata is already available."],
  INVALID_GUN: [400, "The server does not support actions on images of this name."],
  INVALID_PARAMETERS: [400, "The parameters provided are not valid."],
  UNAUTHORIZED: [401, "authentication required"],
  METADATA_NOT_FOUND: [404, "You have requested metadata that does not exist."],
  UNSUPPORTED: [405, "The operation is unsupported."],
  BAD_REQUEST: [400, "Your request is not well-formed HTTP/1.1."],
  REQUEST_TIMEOUT: [408, "Your request did not arrive in time."],
  EXPECTATION_FAILED: [417, "Your request expects what this server does not do."],
  UPLOAD_TOO_LARGE: [413, "The body of your request is larger than this server accepts."],
  UNSUPPORTED_ENCODING: [415, "Send the body of your request without a content encoding."],
  TOOMANYREQUESTS: [429, "too many requests"],
  HEADERS_TOO_LARGE: [431, "The head of your request is larger than this server accepts."],
  UPDATING: [500, "An error has occurred while updating the TUF repository."],
  UNKNOWN: [500, "unknown error"],
  UNAVAILABLE: [503, "service unavailable"],
} as const satisfies Record<string, readonly [number, string]>;

type NotaryCode = keyof typeof notaryErrors;

const notaryCodes = {
  NOT_UTF8: "MALFORMED_JSON",
  NOT_JSON: "MALFORMED_JSON",
  DUPLICATE_MEMBER: "MALFORMED_JSON",
  TOO_DEEP: "MALFORMED_JSON",
  TOO_LARGE: "MALFORMED_JSON",
  TOO_MANY: "MALFORMED_JSON",
  BAD_NUMBER: "MALFORMED_JSON",
  BAD_STRING: "MALFORMED_JSON",
  BAD_SHAPE: "MALFORMED_JSON",
  BAD_DATE: "MALFORMED_JSON",
  BAD_ENCODING: "MALFORMED_JSON",
  UNSIGNED_MEMBER: "MALFORMED_JSON",
  BAD_TYPE: "INVALID_UPDATE",
  BAD_KEY: "INVALID_UPDATE",
  KEY_ID_MISMATCH: "INVALID_UPDATE",
  PRIVATE_KEY_PUBLISHED: "INVALID_UPDATE",
  BAD_VERSION: "INVALID_UPDATE",
  BAD_THRESHOLD: "INVALID_UPDATE",
  BAD_DELEGATION: "INVALID_UPDATE",
  BAD_REPOSITORY_NAME: "INVALID_GUN",
  BAD_ROLE_NAME: "INVALID_ROLE",
  NO_FILENAME: "NO_FILENAME",
  BAD_UPLOAD: "MALFORMED_UPLOAD",
  UPLOAD_TOO_LARGE: "UPLOAD_TOO_LARGE",
  EMPTY_UPLOAD: "INVALID_UPDATE",
  DUPLICATE_ROLE: "MALFORMED_UPLOAD",
  UNSUPPORTED_ENCODING: "UNSUPPORTED_ENCODING",
  BAD_PARAMETER: "INVALID_PARAMETERS",
  BAD_REQUEST: "BAD_REQUEST",
  HEADERS_TOO_LARGE: "HEADERS_TOO_LARGE",
  NOT_CANONICAL: "MALFORMED_JSON",
  NO_ROOT: "INVALID_UPDATE",
  ROOT_VERSION: "INVALID_UPDATE",
  ROOT_CERTIFICATE: "INVALID_UPDATE",
  ROOT_NOT_SIGNED_BY_PREVIOUS: "INVALID_UPDATE",
  ROOT_NOT_SELF_SIGNED: "INVALID_UPDATE",
  THRESHOLD: "INVALID_UPDATE",
  EXPIRED: "INVALID_UPDATE",
  ROLLBACK: "VERSION",
  VERSION_STEP: "INVALID_UPDATE",
  TARGETS_MISSING: "INVALID_UPDATE",
  TARGETS_LOCKED_OUT: "INVALID_UPDATE",
  UNDECLARED_ROLE: "INVALID_UPDATE",
  HASH_MISMATCH: "INVALID_UPDATE",
  LENGTH_MISMATCH: "INVALID_UPDATE",
  SNAPSHOT_INCOMPLETE: "INVALID_UPDATE",
  SNAPSHOT_UNKNOWN_ROLE: "INVALID_UPDATE",
  SNAPSHOT_MISSING: "INVALID_UPDATE",
  ONLINE_KEY_UNKNOWN: "INVALID_UPDATE",
  UNREACHABLE_THRESHOLD: "INVALID_UPDATE",
  OUTSIDE_PATHS: "INVALID_UPDATE",
  BAD_SIGNATURE: "INVALID_UPDATE",
  UNKNOWN_SIGNER: "INVALID_UPDATE",
  BAD_REJECTION: "INVALID_UPDATE",
  REPOSITORY_NOT_SERVED: "INVALID_GUN",
  KEY_SEPARATION: "INVALID_UPDATE",
  EXAMPLE_KEY: "INVALID_UPDATE",
  NO_RULE: "INVALID_UPDATE",
  POLICY_AMBIGUOUS: "INVALID_UPDATE",
  PIN_MISMATCH: "INVALID_UPDATE",
  PIN_ROTATED: "INVALID_UPDATE",
  POLICY_THRESHOLD: "INVALID_UPDATE",
  THRESHOLD_TOO_LOW: "INVALID_UPDATE",
  ALGORITHM_NOT_ALLOWED: "INVALID_UPDATE",
  DELEGATION_PATHS: "INVALID_UPDATE",
  NAME_OUTSIDE_PATHS: "INVALID_UPDATE",
  LIFETIME: "INVALID_UPDATE",
  POLICY_VERSION_STEP: "INVALID_UPDATE",
  TOO_MANY_PENDING_KEYS: "TOOMANYREQUESTS",
  READ_ONLY: "UNSUPPORTED",
  OVERLOADED: "UNAVAILABLE",
  EXAMINATION_FAILED: "UNAVAILABLE",
  REQUEST_TIMEOUT: "REQUEST_TIMEOUT",
  EXPECTATION_FAILED: "EXPECTATION_FAILED",
  NOT_FOUND: "METADATA_NOT_FOUND",
  UNAUTHORIZED: "UNAUTHORIZED",
  FORBIDDEN: "UNAUTHORIZED",
  TOO_MANY_REQUESTS: "TOOMANYREQUESTS",
  NAME_TAKEN: "INVALID_PARAMETERS",
  TOO_MANY_ENTRIES: "TOOMANYREQUESTS",
  TOO_MANY_PROPOSALS: "TOOMANYREQUESTS",
  PROPOSAL_CLOSED: "INVALID_UPDATE",
  KEY_DENIED: "INVALID_UPDATE",
  TOO_MANY_DENIED: "INVALID_UPDATE",
  NOT_KEPT: "METADATA_NOT_FOUND",
  ONLINE_KEY_UNLISTED: "INVALID_UPDATE",
  IMPORT_CONFLICT: "INVALID_UPDATE",
  NOT_ADOPTED: "INVALID_UPDATE",
  CONFLICT: "VERSION",
  STORE_UNAVAILABLE: "UNAVAILABLE",
  COMMIT_UNKNOWN: "UPDATING",
  STORE_LOCKED: "UNKNOWN",
  STORE_NEWER: "UNKNOWN",
  MIGRATION_EDITED: "UNKNOWN",
  STORE_UNWRITABLE: "UNAVAILABLE",
  STORE_CORRUPT: "UNKNOWN",
  STORE_BEHIND: "UNAVAILABLE",
  SIGNER_UNAVAILABLE: "UNAVAILABLE",
  WRONG_SECRET: "UNKNOWN",
  SEALED_KEY_DAMAGED: "UNKNOWN",
  BAD_SECRET: "UNKNOWN",
  KEY_UNSUITABLE: "INVALID_UPDATE",
} as const satisfies Record<Code, NotaryCode>;

/** Seconds after which the same may be taken, unless the refusal knows better. */
const retryAfters: Partial<Record<Code, number>> = {
  TOO_MANY_PENDING_KEYS: 600,
  TOO_MANY_PROPOSALS: 600,
  TOO_MANY_REQUESTS: 60,
};

const maxMessage = 600;
/** What a stock client reads of a body; a longer one tells it nothing. */
const maxBody = 1_024;

/** What to answer to anything that was thrown. */
export function errorAnswer(thrown: unknown): ErrorAnswer {
  const error = refusalOfFramework(thrown) ?? thrown;
  if (!(error instanceof VidimusError)) return answer("UNKNOWN", "INTERNAL", {});
  const code: NotaryCode = notaryCodes[error.code];
  const retryAfter = error.retryAfter ?? retryAfters[error.code] ?? (code === "UNAVAILABLE" ? 5 : undefined);
  const reasons = [...new Set(error.reasons.map((reason) => reason.code))];
  const answered = (most: number): ErrorAnswer => ({
    ...answer(code, error.code, detailOf(code, error, most), retryAfter),
    reasons,
  });
  // Quotes and letters beyond ASCII take more bytes than characters.
  let most = maxMessage;
  let fitting = answered(most);
  while (Buffer.byteLength(fitting.body) > maxBody && most > 1) {
    most = Math.floor(most / 2);
    fitting = answered(most);
  }
  return fitting;
}

/** What the framework refuses before any handler is asked: a content type that cannot be read. */
export function refusalOfFramework(error: unknown): VidimusError | undefined {
  if (!(error instanceof Error && "code" in error)) return undefined;
  return error.code === "FST_ERR_CTP_INVALID_MEDIA_TYPE"
    ? new MalformedError("BAD_UPLOAD", "Send the files as multipart/form-data.")
    : undefined;
}

/** A 404: with an empty `detail` for files of repositories, without one for paths that lead nowhere. */
export function missingAnswer(detail: boolean): ErrorAnswer {
  return answer("METADATA_NOT_FOUND", "NOT_FOUND", detail ? {} : undefined);
}

function answer(
  code: NotaryCode,
  own: ErrorAnswer["own"],
  detail: unknown,
  retryAfter?: number,
): ErrorAnswer {
  const [status, message] = notaryErrors[code];
  const error = detail === undefined ? { code, message } : { code, message, detail };
  return { status, code, own, retryAfter, reasons: [], body: `${JSON.stringify({ errors: [error] })}\n` };
}

function detailOf(code: NotaryCode, error: VidimusError, most: number): unknown {
  const cut = (message: string) => cutTo(most, message);
  switch (code) {
    case "INVALID_UPDATE":
      return { Name: validationName(error), Error: validationError(error, most) };
    case "INVALID_ROLE":
      return error.detail?.given ?? "";
    case "INVALID_GUN":
    case "INVALID_PARAMETERS":
      return cut(error.message);
    case "VERSION":
      // Which file was overtaken, where it is known; an empty object, as the original has it, where it is not.
      return error.role === undefined ? {} : { Role: error.role, Msg: cut(error.message) };
    case "UNKNOWN":
    case "METADATA_NOT_FOUND":
      return {};
    case "UPLOAD_TOO_LARGE":
    case "TOOMANYREQUESTS":
    case "UNAVAILABLE":
      return cut(error.message);
    case "MALFORMED_JSON":
      // The original says nothing here; the sentence is what a publisher needs.
      return cut(error.role === undefined ? error.message : `${error.role}: ${error.message}`);
    default:
      return undefined;
  }
}

function validationName({ code, role }: VidimusError): string {
  if (code === "SNAPSHOT_MISSING") return "ErrBadHierarchy";
  if (role === undefined) return "ErrValidation";
  if (role === "root") return "ErrBadRoot";
  return role === "snapshot" || role === "timestamp" ? "ErrBadSnapshot" : "ErrBadTargets";
}

function validationError({ code, message, reasons }: VidimusError, most: number): unknown {
  const Msg = reasons.length === 0 ? cutTo(most, message) : told(reasons, most);
  return code === "SNAPSHOT_MISSING" ? { Missing: "snapshot", Msg } : { Msg };
}

/** As many reasons as fit, whole, and how many more there are; of the first at least its beginning. */
function told(reasons: readonly Reason[], most: number): string {
  const all = reasons.map(({ sentence, fix }) => `${sentence} ${fix}`);
  const more = (count: number) => (count === 0 ? "" : ` And ${count} more.`);
  for (let count = all.length; count > 0; count--) {
    const text = `${all.slice(0, count).join(" ")}${more(all.length - count)}`;
    if (text.length <= most) return text;
  }
  const rest = more(all.length - 1);
  return `${cutTo(Math.max(1, most - rest.length), all[0] ?? "")}${rest}`;
}

function cutTo(most: number, message: string): string {
  return message.length <= most ? message : `${message.slice(0, most - 1)}…`;
}
