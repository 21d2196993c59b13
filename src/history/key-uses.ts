/** Where keys are listed: which roles of which repositories may be signed by each, through which file. */
import { canonicalKeyId, openKey } from "../core/keys.ts";
import type { RoleKeys } from "../core/model.ts";
import { topRoles } from "../core/names.ts";
import type { State } from "./past.ts";

export interface KeyUse {
  readonly repository: string;
  readonly role: string;
  /** The file that lists it: role and version. */
  readonly by: string;
  readonly byVersion: number;
  /** Of the bare key. */
  readonly key: string;
  readonly listedAs: string;
  /** Identity of the mathematical key; its ID where it is of a type that nobody knows. */
  readonly material: string;
  readonly threshold: number;
  /** The file that lists it has not expired. */
  readonly inForce: boolean;
}

/** The uses of every key at the state's instant; files that nobody delegates to any more give none. */
export function keyUsesIn(state: State): readonly KeyUse[] {
  const { repository, at, root, targets } = state;
  const uses: KeyUse[] = [];
  const add = (role: string, by: string, file: NonNullable<State["root"]>["row"], keys: RoleKeys) => {
    for (const listed of keys.keys.values()) {
      uses.push({
        repository,
        role,
        by,
        byVersion: file.version,
        key: canonicalKeyId(listed),
        listedAs: listed.id,
        material: openKey(listed)?.material ?? listed.id,
        threshold: keys.threshold,
        inForce: at < file.expires,
      });
    }
  };
  if (root?.file === undefined) return uses;
  for (const role of topRoles) add(role, "root", root.row, root.file.signed.roles.get(role) as RoleKeys);
  const queue = ["targets"];
  for (let role = queue.shift(); role !== undefined; role = queue.shift()) {
    const own = targets.get(role);
    if (own?.file === undefined) continue;
    for (const delegation of own.file.signed.delegations) {
      add(delegation.role, role, own.row, delegation);
      queue.push(delegation.role);
    }
  }
  return uses;
}

/** Uses of keys that serve more than one role or repository, those of one key together. */
export function sharedUses(uses: readonly KeyUse[]): readonly KeyUse[] {
  const byMaterial = new Map<string, KeyUse[]>();
  for (const use of uses) {
    const known = byMaterial.get(use.material);
    if (known === undefined) byMaterial.set(use.material, [use]);
    else known.push(use);
  }
  const places = (all: readonly KeyUse[]) =>
    new Set(all.map(({ repository, role }) => `${repository}\n${role}`)).size;
  return [...byMaterial.values()].filter((all) => places(all) > 1).flat();
}
