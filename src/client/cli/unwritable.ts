/** A result that cannot be written: `OUTPUT_UNWRITABLE`, made here alone. */
import { TrustError } from "../errors.ts";

export interface Unwritten {
  /** As the sentence begins: `The policy`. */
  readonly what: string;
  readonly file?: string | undefined;
  /** The file that one process at a time writes. */
  readonly locked: string;
  /** A further sentence. */
  readonly more?: string;
}

/** @param cause what the system says */
export function unwritable(cause: unknown, { what, file, locked, more }: Unwritten): TrustError {
  const { code = "unknown error" } = cause as NodeJS.ErrnoException;
  const message =
    code === "ELOCKED"
      ? `Another run is writing ${locked}, and does not come to an end.`
      : [`${what} cannot be written (${code}).`, ...(more === undefined ? [] : [more])].join(" ");
  return new TrustError("OUTPUT_UNWRITABLE", message, { file, cause });
}
