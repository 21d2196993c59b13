/** The keys of a root, as people compare them. */
import { openKey, type UsableKey } from "../../core/keys.ts";
import type { Root } from "../../core/model.ts";
import { rootRole, type Verified } from "../../core/verify.ts";

/** IDs of the bare keys of a root, the same in every repository. */
export function idsOf(root: Verified<Root>): readonly string[] {
  return rootKeysOf(root).map(({ canonicalId }) => canonicalId);
}

export function rootKeysOf(root: Verified<Root>): readonly UsableKey[] {
  return [...rootRole(root.signed, "root").keys.values()].map(openKey).filter((key) => key !== undefined);
}
