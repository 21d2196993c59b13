/**
 * What a publisher is told whose files lack signatures: whose they are, and that a proposal collects them. Said to
 * publishers only: a client that reads such a file cannot collect anything.
 */
import { type UnauthenticCode, UnauthenticError } from "../../core/errors.ts";

const codes: ReadonlySet<string> = new Set<UnauthenticCode>([
  "THRESHOLD",
  "ROOT_NOT_SIGNED_BY_PREVIOUS",
  "ROOT_NOT_SELF_SIGNED",
]);

/** Key IDs that fit into what stock clients read of an answer (notary-protocol.md 1.8), beside everything else. */
const mostNamed = 4;

/** The same refusal in more words, where one person cannot do. Anything else comes back as it is. */
export function namingMissing(error: unknown): unknown {
  if (!(error instanceof UnauthenticError) || !codes.has(error.code)) return error;
  const { needed, signed, missing } = error.detail ?? {};
  if (!Array.isArray(missing) || missing.length === 0 || typeof needed !== "number" || needed < 2)
    return error;
  const named = missing.slice(0, mostNamed).join(", ");
  const more = missing.length > mostNamed ? ` and ${missing.length - mostNamed} more` : "";
  const message = `${error.message}: ${signed} of ${needed} signatures are there, missing are those of ${named}${more}; a proposal collects them (vidimus proposal open)`;
  return new UnauthenticError(error.code, message, {
    ...(error.role !== undefined && { role: error.role }),
    ...(error.detail !== undefined && { detail: error.detail }),
    cause: error,
  });
}
