/** Asking what a refusal was. Tests assert its code, never its sentence. */
import { type Code, VidimusError } from "../../src/core/errors.ts";

/** The code of the refusal that `action` ends in, or "accepted". Anything else that is thrown goes on. */
export function outcome(action: () => unknown): Code | "accepted" {
  try {
    action();
    return "accepted";
  } catch (error) {
    if (error instanceof VidimusError) return error.code;
    throw error;
  }
}
