/**
 * Who could sign a path at an instant: the keys and thresholds of every role that has a say about it, and through which files they
 * had it.
 *
 * **In force** says that whoever held enough of these keys could have published a file that readers take: the threshold can be
 * reached, and every file on the way from root to the role counted at that instant. Whether the role's own file counted is said
 * beside it, for who holds the keys can sign it again.
 *
 * The root is always the first: its keys can give every role to others.
 */
import { type ListedKey, openKey, type UsableKey } from "../core/keys.ts";
import type { RoleKeys } from "../core/model.ts";
import { countSignatures, isMet } from "../core/threshold.ts";
import { isExpired, rootRole } from "../core/verify.ts";
import type { Opened, State } from "./past.ts";

/**
 * How a role's own file stood: it `counts`; it has `expired`; it is `below-threshold` under the keys of then; there is `none`; its
 * bytes are `not-kept`, so that nobody can verify the answer again.
 */
export type Standing = "counts" | "expired" | "below-threshold" | "none" | "not-kept";

export interface CouldSign {
  readonly role: string;
  /** The files that gave it its keys, root first: role and version. */
  readonly through: readonly { readonly role: string; readonly version: number }[];
  readonly threshold: number;
  readonly keys: readonly ListedKey[];
  /** Those of distinct keys that can sign at all; a root's certificate has to be valid. */
  readonly usable: readonly UsableKey[];
  /** Prefixes that count; of root and targets everything. */
  readonly paths: readonly string[];
  readonly inForce: boolean;
  readonly standing: Standing;
  readonly version: number | undefined;
  /** What the role's file said of the path, as sha256. */
  readonly digest: string | undefined;
}

/** Of a role in whose way a file is not kept nothing is said but that. Empty before the first publication. */
export function couldSign(state: State, path: string): readonly CouldSign[] {
  const { root, format, repository, at } = state;
  if (root === undefined) return [];
  const found: CouldSign[] = [];
  const file = root.file;
  if (file === undefined) return [];
  const through = [{ role: "root", version: root.row.version }];
  const accept = (key: UsableKey) => format.rootKeyFault(key, repository, at) === undefined;
  const rootKeys = rootRole(file.signed, "root");
  const rootStanding = standingOf(root, rootKeys, at, accept);
  found.push({
    through,
    ...authority("root", rootKeys, accept),
    paths: [""],
    // Who signs the next root needs no present one that is valid.
    inForce: reachable(rootKeys, accept),
    standing: rootStanding,
    version: root.row.version,
    digest: undefined,
  });
  const visit = (
    role: string,
    keys: RoleKeys,
    paths: readonly string[],
    through: CouldSign["through"],
    wayCounts: boolean,
  ) => {
    const own = state.targets.get(role);
    const standing = standingOf(own, keys, at);
    found.push({
      through,
      ...authority(role, keys),
      paths,
      inForce: wayCounts && reachable(keys),
      standing,
      version: own?.row.version,
      digest: own?.file?.signed.target(path)?.hashes.get("sha256"),
    });
    if (own?.file === undefined) return;
    const next = [...through, { role, version: own.row.version }];
    for (const delegation of own.file.signed.delegations) {
      const narrowed = format.narrow(paths, delegation.paths);
      if (!format.covers(narrowed, path)) continue;
      visit(delegation.role, delegation, narrowed, next, wayCounts && standing === "counts");
    }
  };
  visit("targets", rootRole(file.signed, "targets"), [""], through, rootStanding === "counts");
  return found;
}

export function standingOf(
  own: Opened | undefined,
  keys: RoleKeys,
  at: number,
  accept?: (key: UsableKey) => boolean,
): Standing {
  if (own === undefined) return "none";
  if (own.file === undefined) return "not-kept";
  if (isExpired(own.file.signed, at)) return "expired";
  return isMet(countSignatures(own.file, keys, accept)) ? "counts" : "below-threshold";
}

function authority(
  role: string,
  keys: RoleKeys,
  accept?: (key: UsableKey) => boolean,
): Pick<CouldSign, "role" | "threshold" | "keys" | "usable"> {
  return {
    role,
    threshold: keys.threshold,
    keys: [...keys.keys.values()],
    usable: usableKeys(keys, accept),
  };
}

/** Distinct keys of a role that can sign. */
export function usableKeys(
  { keys }: RoleKeys,
  accept: (key: UsableKey) => boolean = () => true,
): readonly UsableKey[] {
  const byMaterial = new Map<string, UsableKey>();
  for (const listed of keys.values()) {
    const key = openKey(listed);
    if (key !== undefined && accept(key)) byMaterial.set(key.material, key);
  }
  return [...byMaterial.values()];
}

function reachable(keys: RoleKeys, accept?: (key: UsableKey) => boolean): boolean {
  return usableKeys(keys, accept).length >= keys.threshold;
}
