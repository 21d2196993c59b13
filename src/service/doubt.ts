/** Changes of which nobody knows whether they happened. */
import { VidimusError } from "../core/errors.ts";

/** Whether a change that ended with this error may have happened: what is kept of it in memory must be read again. */
export function mayHaveHappened(error: unknown): boolean {
  return !(error instanceof VidimusError) || error.code === "COMMIT_UNKNOWN";
}
