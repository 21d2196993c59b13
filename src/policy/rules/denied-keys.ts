/**
 * Keys that this server's operator has denied, because they were stolen or lost: their signatures count for nothing in what is
 * published from now on, and no file may give them anything that they did not have.
 *
 * What was published stays as it is until somebody publishes the repair: readers do not ask this server whom to believe.
 */
import { canonicalKeyId, type UsableKey } from "../../core/keys.ts";
import type { Metadata, RoleKeys, Root, Signed, Targets } from "../../core/model.ts";
import { isTopRole, parentRole, topRoles } from "../../core/names.ts";
import { countSignatures, isMet } from "../../core/threshold.ts";
import { delegatedKeys, rootRole } from "../../core/verify.ts";
import type { Finding } from "../policy.ts";
import type { Publication } from "../publication.ts";

/** Signatures that are left when those by denied keys are not counted. */
export function deniedSigners(publication: Publication, denied: ReadonlySet<string>): Finding[] {
  if (denied.size === 0) return [];
  const accept = (key: UsableKey) => !denied.has(key.canonicalId);
  return publication.files.flatMap((file): Finding[] => {
    for (const keys of giversOf(file, publication)) {
      const count = countSignatures(file, keys, accept);
      if (isMet(count)) continue;
      const by = namesOf(keys, denied);
      const [needed, signed] = [count.needed, count.signed.length];
      return [
        {
          code: "KEY_DENIED",
          severity: "refuse",
          role: file.role,
          sentence: `${file.role} carries ${signed} of the ${needed} signatures that it needs, for those by ${by.join(", ")} do not count: the operator of this server has denied that key.`,
          fix: "Have other keys of the role sign it; where there are none, the operator lifts the denial for the repair (vidimus key allow).",
          detail: { needed, signed, denied: by },
        },
      ];
    }
    return [];
  });
}

/** Denied keys in what a file gives to others: refused where it is new, told where it was so before. */
export function deniedListings(publication: Publication, denied: ReadonlySet<string>): Finding[] {
  if (denied.size === 0) return [];
  return publication.files.flatMap(({ role: by, signed }): Finding[] =>
    givenBy(signed).flatMap(([role, keys]): Finding[] => {
      const listed = namesOf(keys, denied);
      if (listed.length === 0) return [];
      const before = by === "root" ? publication.current.root?.signed : undefined;
      const had = before && givenBy(before).find(([each]) => each === role)?.[1];
      // What a parent gave before is not at hand: nothing new is refused for it, for the signatures of the key count nowhere.
      const isNew =
        by === "root" && listed.some((id) => had === undefined || !namesOf(had, denied).includes(id));
      return [
        {
          code: "KEY_DENIED",
          severity: isNew ? "refuse" : "warn",
          role: by,
          sentence: `${by} lists ${listed.join(", ")} for ${role}, which the operator of this server has denied.`,
          fix: `Whoever signs ${by} takes it out.`,
          detail: { of: role, denied: listed },
        },
      ];
    }),
  );
}

function namesOf({ keys }: RoleKeys, denied: ReadonlySet<string>): readonly string[] {
  return [...new Set([...keys.values()].map(canonicalKeyId).filter((id) => denied.has(id)))];
}

function givenBy(signed: Signed): readonly (readonly [role: string, keys: RoleKeys])[] {
  if (signed.kind === "root") return topRoles.map((role) => [role, rootRole(signed, role)] as const);
  return signed.kind === "targets" ? signed.delegations.map((each) => [each.role, each] as const) : [];
}

/** Whoever gives a file its keys; of a root the one before it, too. */
function giversOf({ role }: Metadata, publication: Publication): readonly RoleKeys[] {
  const { root, targets, current } = publication;
  const own: Root = root.signed;
  if (role === "root") {
    const before = current.root === undefined ? [] : [rootRole(current.root.signed, "root")];
    return [...before, rootRole(own, "root")];
  }
  if (isTopRole(role)) return [rootRole(own, role)];
  const parent: Targets | undefined = targets.get(parentRole(role) ?? "")?.signed;
  return parent === undefined ? [] : [delegatedKeys(parent, role)];
}
