/**
 * What keys are worth in a repository: which roles they can sign today, which are no longer listed, and what nobody here can sign.
 *
 * Pure. The files come from whoever read them, verified or not: this tells people what to do with keys, and decides nothing.
 */
import { canonicalKeyId, type ListedKey } from "../core/keys.ts";
import type { RoleKeys, Root, Targets } from "../core/model.ts";

/** Files of one repository as somebody has them. */
export interface KnownFiles {
  readonly repository: string;
  readonly root: Root;
  /** `targets` and delegations, those that could be had. */
  readonly targets: ReadonlyMap<string, Targets>;
}

/** A key that is here, and what its file says it is for. */
export interface KeyHere {
  /** Of the bare key. */
  readonly id: string;
  readonly role: string | undefined;
  readonly repository: string | undefined;
}

export interface RoleStanding {
  readonly role: string;
  readonly threshold: number;
  /** Bare IDs of the keys that are listed, and whether they are here. */
  readonly keys: readonly { readonly id: string; readonly here: boolean }[];
  /** Whether the keys that are here suffice. */
  readonly signable: boolean;
}

export interface RepositoryStanding {
  readonly repository: string;
  readonly rootVersion: number;
  readonly roles: readonly RoleStanding[];
  /** Keys that say they are for this repository, and that no role lists any more. */
  readonly retired: readonly string[];
  /** What to do, in the order of doing it. */
  readonly advice: readonly string[];
}

/** @param keys all keys that are here, for whatever repository */
export function keyStanding(files: KnownFiles, keys: readonly KeyHere[]): RepositoryStanding {
  const { repository, root, targets } = files;
  const here = new Set(keys.map(({ id }) => id));
  const listed = new Map<string, RoleKeys>();
  for (const [role, given] of root.roles) if (role !== "timestamp") listed.set(role, given);
  for (const { delegations } of targets.values()) for (const each of delegations) listed.set(each.role, each);
  const all = [...listed].map(([role, given]) => standingOf(role, given, here));
  // The snapshot is the server's business where nobody here has its key.
  const roles = all.filter(({ role, keys: own }) => role !== "snapshot" || own.some((key) => key.here));
  const used = new Set(all.flatMap(({ keys: own }) => own.map(({ id }) => id)));
  const retired = keys
    .filter((key) => key.repository === repository && !used.has(key.id))
    .map(({ id }) => id);
  return {
    repository,
    rootVersion: root.version,
    roles,
    retired,
    advice: adviceOf(repository, roles, retired),
  };
}

function standingOf(role: string, { keys, threshold }: RoleKeys, here: ReadonlySet<string>): RoleStanding {
  const ids = [...new Set([...keys.values()].map((key) => bareId(key)))];
  const own = ids.map((id) => ({ id, here: here.has(id) }));
  return { role, threshold, keys: own, signable: own.filter((key) => key.here).length >= threshold };
}

/** Of a key that cannot be read, the ID by which it is listed. */
function bareId(key: ListedKey): string {
  try {
    return canonicalKeyId(key);
  } catch {
    return key.id;
  }
}

function adviceOf(
  repository: string,
  roles: readonly RoleStanding[],
  retired: readonly string[],
): readonly string[] {
  const advice: string[] = [];
  const short = (ids: readonly string[]) => ids.map((id) => id.slice(0, 12)).join(", ");
  const root = roles.find(({ role }) => role === "root");
  if (root !== undefined && !root.signable) {
    const mine = root.keys.filter((key) => key.here).length;
    advice.push(
      mine === 0
        ? `no key of its root is here: look for ${short(root.keys.map(({ id }) => id))} in other people's folders, tokens and backups before the old server goes. Without ${root.threshold === 1 ? "it" : "them"} the root can never change, and the repository has to be made anew and trusted anew by hand`
        : `its root needs ${root.threshold} signatures, and ${mine} of them can be made here: vidimus adopt ${repository} --propose collects the others`,
    );
  }
  if (root?.signable === true) advice.push(`its root can be signed here: vidimus adopt ${repository}`);
  for (const { role, signable, keys, threshold } of roles) {
    if (role === "root" || role === "snapshot" || signable) continue;
    const isTop = role === "targets";
    if (!isTop && keys.every((key) => !key.here)) continue;
    advice.push(
      root?.signable === true && isTop
        ? `no key of targets is here, and the root can give it another: vidimus rotate ${repository} targets --add KEY`
        : `${role} needs ${threshold} of ${short(keys.map(({ id }) => id))}, and ${keys.filter((key) => key.here).length} of them are here`,
    );
  }
  if (retired.length > 0)
    advice.push(`${short(retired)}: no role lists them any more; they sign nothing that counts`);
  return advice;
}
