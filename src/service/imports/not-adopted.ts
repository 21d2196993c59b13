/**
 * What a publisher of a repository is told that was taken over from elsewhere and not adopted: the key that signs its timestamps
 * is not here, so nothing that he publishes could be served before another root names one that is.
 */
import { RefusedError, UnauthenticError } from "../../core/errors.ts";
import type { Candidate } from "../../core/publication.ts";
import { rootRole, sameKeys } from "../../core/verify.ts";

/** Any other error comes back as it is. */
export function namingAdoption(
  error: unknown,
  { repository, upload, current: { root } }: Candidate,
): unknown {
  if (!(error instanceof UnauthenticError) || error.code !== "ONLINE_KEY_UNKNOWN" || root === undefined)
    return error;
  const next = upload.get("root")?.signed;
  const isKept =
    next?.kind !== "root" || sameKeys(rootRole(next, "timestamp"), rootRole(root.signed, "timestamp"));
  if (!isKept) return error;
  return new RefusedError(
    "NOT_ADOPTED",
    `the timestamp key of ${repository} is not held here, so it is served as it is: an administrator brings the old key, or its owner runs vidimus adopt and publishes the root that this prepares`,
    { role: "root", cause: error },
  );
}
