/** What can be wrong with what a publisher wants: closed codes, one sentence each that says who must do what. */

export const editCodes = [
  "EDIT_CONFLICT",
  "EDIT_IMPOSSIBLE",
  "KEY_NOT_LISTED",
  "MOVE_NOT_ASKED",
  "OUTSIDE_PATHS",
  "ROLE_EXISTS",
  "ROLE_LAPSED",
  "ROLE_UNKNOWN",
  "TARGET_UNKNOWN",
  "TARGET_UNWRITABLE",
  "THRESHOLD_UNREACHABLE",
] as const;
export type EditCode = (typeof editCodes)[number];

export const publishCodes = [
  "AUDIT_REFUSED",
  "IMAGE_DIFFERS",
  "IMAGE_UNKNOWN",
  "LOST_RACE",
  "NOTHING_STAGED",
  "OUTCOME_UNKNOWN",
  "PROPOSAL_AMBIGUOUS",
  "PROPOSAL_BAD",
  "PROPOSAL_FILE_BAD",
  "PROPOSAL_OVER",
  "PROPOSAL_UNKNOWN",
  "PUBLISH_REFUSED",
  "REGISTRY_ANSWER",
  "REPOSITORY_EXISTS",
  "SERVER_REFUSED",
  "SIGNERS_MISSING",
  "STAGING_DAMAGED",
  "STAGING_UNWRITABLE",
] as const;
export type PublishCode = (typeof publishCodes)[number];

/** A publication that did not happen, or of which nobody knows whether it did. What was staged is still staged. */
export class PublishError extends Error {
  readonly code: PublishCode;
  /** The server's own code of a refusal, where it gives one. */
  readonly serverCode: string | undefined;

  constructor(
    code: PublishCode,
    message: string,
    context: { readonly cause?: unknown; readonly serverCode?: string | undefined } = {},
  ) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.name = "PublishError";
    this.code = code;
    this.serverCode = context.serverCode;
  }
}

/** An edit that does not fit what is there. Nothing was changed. */
export class EditError extends Error {
  readonly code: EditCode;

  constructor(code: EditCode, message: string) {
    super(message);
    this.name = "EditError";
    this.code = code;
  }
}
