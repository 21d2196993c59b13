/**
 * Delegated roles that have a file which readers refuse, for too few of the role's present keys have signed it: after keys were
 * exchanged, or a key was denied.
 *
 * What such a file says is nobody's word: whoever holds the server could have put anything into it. So nothing goes on from it by
 * the way. Its signers say with `resign` or `witness` that they stand for all of it, and are shown all of it; other edits of the
 * role go with that or after it. And no edit begins such a role anew, since its next version has to be above the one there is.
 */
import type { TargetsContent } from "../core/format/format.ts";
import type { Metadata, Targets } from "../core/model.ts";
import { parentRole } from "../core/names.ts";
import { targetsContentOf } from "./contents.ts";
import type { OfflineState } from "./edits.ts";
import { EditError } from "./errors.ts";

/** The file of a role as it is published, whether readers take it or not. */
export function publishedFile(
  { targets, lapsed }: Pick<OfflineState, "targets" | "lapsed">,
  role: string,
): Metadata<Targets> | undefined {
  return targets.get(role) ?? lapsed?.get(role);
}

/**
 * What a delegated role without a verified file begins with: nothing, or its lapsed file if that is to be signed again.
 * Throws `ROLE_LAPSED`.
 */
export function beginning(state: OfflineState, role: string, resigned: ReadonlySet<string>): TargetsContent {
  const { repository = "REPOSITORY", lapsed, unusable, snapshot } = state;
  const witness = `vidimus witness ${repository} ${role}`;
  const file = lapsed?.get(role);
  if (file !== undefined) {
    if (resigned.has(role)) return targetsContentOf(role, file.signed);
    throw new EditError(
      "ROLE_LAPSED",
      `Readers refuse ${role}, for too few of its present keys have signed it: look at what it holds, and sign all of it again first (${witness}), then change it.`,
    );
  }
  if (snapshot?.signed.meta.has(role) !== true)
    return { version: 0, expires: 0, targets: new Map(), keys: [], delegations: [] };
  const why = unusable?.get(role);
  if (why !== undefined) {
    throw new EditError(
      "ROLE_LAPSED",
      `The file of ${role} cannot be had as the snapshot names it (${why}): ask whoever runs the server to mend that, then try again.`,
    );
  }
  const above = parentRole(role) ?? "targets";
  throw new EditError(
    "ROLE_LAPSED",
    state.targets.has(above)
      ? `${role} had a file before it was delegated anew: publish the delegation first, then sign that file again (${witness}).`
      : `${role} lies below ${above}, which readers refuse: have ${above} signed again and published first.`,
  );
}
