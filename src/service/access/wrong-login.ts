/** Credentials that are wrong, in the same words for every name. */
import { RefusedError } from "../../core/errors.ts";

export class WrongLogin extends RefusedError {
  /** The name, if somebody has it here. Any other may be a password in the wrong place, and is told to nobody. */
  readonly claimed: string | undefined;

  constructor(claimed: string | undefined) {
    super("UNAUTHORIZED", "The name or the password is wrong: try again.");
    this.claimed = claimed;
  }
}
