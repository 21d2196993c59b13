/** What can be wrong with what a publisher wants: closed codes, one sentence each that says who must do what. */

export const editCodes = [
  "EDIT_CONFLICT",
  "EDIT_IMPOSSIBLE",
  "KEY_NOT_LISTED",
  "MOVE_NOT_ASKED",
  "OUTSIDE_PATHS",
  "ROLE_EXISTS",
  "ROLE_UNKNOWN",
  "TARGET_UNKNOWN",
  "TARGET_UNWRITABLE",
  "THRESHOLD_UNREACHABLE",
] as const;
export type EditCode = (typeof editCodes)[number];

/** An edit that does not fit what is there. Nothing was changed. */
export class EditError extends Error {
  readonly code: EditCode;

  constructor(code: EditCode, message: string) {
    super(message);
    this.name = "EditError";
    this.code = code;
  }
}
