/** Whether anything may be changed here, asked before anything else is. */
import { RefusedError, StoreError } from "../core/errors.ts";

/** What answers about health say. */
export const behindSentence =
  "the store is behind its high-water mark: it was restored from an older backup or lost commits; run vidimus recover accept with the server stopped";

/** Throws `READ_ONLY`, `STORE_BEHIND`. */
export function checkWritable({
  readOnly,
  behind,
}: {
  readonly readOnly: boolean;
  readonly behind: boolean;
}): void {
  if (readOnly) {
    throw new RefusedError("READ_ONLY", "This server only reads: publish to the one it is a copy of.");
  }
  if (behind) {
    throw new StoreError(
      "STORE_BEHIND",
      "This server's store lacks what it once had: its operator restores a newer backup, or runs vidimus recover accept, before anything can be published.",
    );
  }
}
