/**
 * What keys are worth in a repository: which roles they can sign today, which count no more and since when, and what nobody here
 * can sign.
 *
 * Pure. The files come from whoever read them, verified or not: this tells people what to do with keys, and decides nothing.
 */
import type { RoleKeys, Root, Targets } from "../../core/model.ts";
import { bareId, type PastKey } from "./past.ts";

/** Files of one repository as somebody has them. */
export interface KnownFiles {
  readonly repository: string;
  readonly root: Root;
  /** `targets` and delegations, those that could be had. */
  readonly targets: ReadonlyMap<string, Targets>;
  /** What roles listed before, as far as that is known. */
  readonly past?: readonly PastKey[];
}

/** A key that is here, and what its file says it is for. */
export interface KeyHere {
  /** Of the bare key. */
  readonly id: string;
  readonly role: string | undefined;
  readonly repository: string | undefined;
  /** Its file, if that was found and the key could not be taken in: then it is here and can sign nothing yet. */
  readonly leftIn?: string;
}

export interface ListedHere {
  readonly id: string;
  /** It is here, and can sign. */
  readonly here: boolean;
  /** It can sign once it is taken in from this file. */
  readonly leftIn?: string;
}

export interface RoleStanding {
  readonly role: string;
  readonly threshold: number;
  /** Bare IDs of the keys that are listed, and whether they are here. */
  readonly keys: readonly ListedHere[];
  /** Whether the keys that are here suffice. */
  readonly signable: boolean;
}

/**
 * `signable`: by the keys that are here. `left`: once keys that are here are taken in. `short`: by these and other people's. `lost`: no
 * key of it is here.
 */
export type RootStanding = "signable" | "left" | "short" | "lost";

export interface RepositoryStanding {
  readonly repository: string;
  readonly rootVersion: number;
  readonly root: RootStanding;
  readonly roles: readonly RoleStanding[];
  /** Keys that are here and that a role lists no more. One may be listed by another role all the same. */
  readonly past: readonly PastKey[];
  /** Keys that are here, were for this repository, and that no role lists any more. */
  readonly retired: readonly string[];
  /** What to do, one step each, in the order of doing it. */
  readonly advice: readonly string[];
}

/** How commands are typed that a step names. */
export interface Typed {
  /** A path as a shell takes it. */
  readonly word: (text: string) => string;
  /** Flags by which the server is found, with a space before each. */
  readonly place: string;
}

const plainly: Typed = { word: (text) => text, place: "" };

/** @param keys all keys that are here, for whatever repository */
export function keyStanding(
  files: KnownFiles,
  keys: readonly KeyHere[],
  typed: Typed = plainly,
): RepositoryStanding {
  const { repository, root, targets } = files;
  const here = new Map(keys.map((key) => [key.id, key]));
  const listed = new Map<string, RoleKeys>();
  for (const [role, given] of root.roles) if (role !== "timestamp") listed.set(role, given);
  for (const { delegations } of targets.values()) for (const each of delegations) listed.set(each.role, each);
  const all = [...listed].map(([role, given]) => standingOf(role, given, here));
  // The snapshot is the server's business where nobody here has its key.
  const roles = all.filter(
    ({ role, keys: own }) => role !== "snapshot" || own.some((key) => here.has(key.id)),
  );
  const used = new Set(all.flatMap(({ keys: own }) => own.map(({ id }) => id)));
  const past = pastOf(files, keys, used, (role) => listed.has(role));
  const state = rootOf(roles);
  return {
    repository,
    rootVersion: root.version,
    root: state,
    roles,
    past,
    retired: [...new Set(past.map(({ id }) => id))].filter((id) => !used.has(id)),
    advice: adviceOf(repository, roles, state, typed),
  };
}

function standingOf(
  role: string,
  { keys, threshold }: RoleKeys,
  here: ReadonlyMap<string, KeyHere>,
): RoleStanding {
  const own = [...new Set([...keys.values()].map(bareId))].map((id) => {
    const leftIn = here.get(id)?.leftIn;
    return { id, here: here.has(id) && leftIn === undefined, ...(leftIn !== undefined && { leftIn }) };
  });
  return { role, threshold, keys: own, signable: own.filter((key) => key.here).length >= threshold };
}

/** What is known of the past, and what files of keys say: that they are for this repository, which lists them no more. */
function pastOf(
  { repository, past = [] }: KnownFiles,
  keys: readonly KeyHere[],
  used: ReadonlySet<string>,
  isRole: (role: string) => boolean,
): readonly PastKey[] {
  const here = new Set(keys.map(({ id }) => id));
  const told = past.filter(({ id }) => here.has(id));
  const known = new Set(told.map(({ id }) => id));
  const said = keys.flatMap(({ id, role, repository: of }): PastKey[] => {
    if (of !== repository || used.has(id) || known.has(id)) return [];
    const why = role === undefined || isRole(role) ? "REPLACED" : "DELEGATION_DROPPED";
    return [{ id, role: role ?? "targets", why, since: undefined }];
  });
  return [...told, ...said];
}

function rootOf(roles: readonly RoleStanding[]): RootStanding {
  const root = roles.find(({ role }) => role === "root");
  if (root === undefined) return "lost";
  if (root.signable) return "signable";
  const [mine, found] = [count(root, "here"), count(root, "left")];
  if (mine + found === 0) return "lost";
  return mine + found >= root.threshold ? "left" : "short";
}

function count({ keys }: RoleStanding, what: "here" | "left"): number {
  return keys.filter((key) => (what === "here" ? key.here : key.leftIn !== undefined)).length;
}

function adviceOf(
  repository: string,
  roles: readonly RoleStanding[],
  state: RootStanding,
  typed: Typed,
): readonly string[] {
  const advice: string[] = [];
  const root = roles.find(({ role }) => role === "root");
  if (root !== undefined) advice.push(...leftOnes(root, typed), adviceOfRoot(repository, root, state, typed));
  for (const each of roles) {
    const { role, signable, keys, threshold } = each;
    if (role === "root" || role === "snapshot" || signable) continue;
    const isTop = role === "targets";
    // A delegation is other people's where none of its keys is here.
    if (!isTop && count(each, "here") + count(each, "left") === 0) continue;
    const more = leftOnes(each, typed);
    if (more.length > 0 && count(each, "here") + count(each, "left") >= threshold) advice.push(...more);
    else if (state === "signable" && isTop && count(each, "here") === 0)
      advice.push(
        `no key of targets is here, and the root can give it another: vidimus rotate ${repository} targets --add KEY${typed.place}`,
      );
    else
      advice.push(
        `${role} needs ${threshold} of ${short(keys)}, and ${count(each, "here")} of them are here: look for the others, or let their owners sign`,
      );
  }
  return [...new Set(advice)].filter((step) => step !== "");
}

function adviceOfRoot(repository: string, root: RoleStanding, state: RootStanding, { place }: Typed): string {
  switch (state) {
    case "signable":
      return `its root can be signed here: vidimus adopt ${repository}${place}`;
    case "left":
      return "";
    case "short":
      return `its root needs ${root.threshold} signatures, and ${count(root, "here")} of them can be made here: vidimus adopt ${repository} --propose${place} collects the others`;
    case "lost": {
      const any = root.threshold === 1 && root.keys.length > 1 ? "one of " : "";
      return `no key of its root is here: look for ${any}${short(root.keys)} in other people's folders, tokens and back-ups before the old server goes. Without ${root.threshold === 1 ? "it" : "them"} the root can never change, and the repository has to be made anew and trusted anew by hand`;
    }
  }
}

/** A key that could not be taken in is a step of its own. */
function leftOnes({ role, keys }: RoleStanding, { word }: Typed): readonly string[] {
  return keys.flatMap(({ id, leftIn }) =>
    leftIn === undefined
      ? []
      : [
          `its key of ${role} ${id.slice(0, 12)} was not taken in: once you know why (see the messages), vidimus key import ${word(leftIn)}`,
        ],
  );
}

function short(keys: readonly ListedHere[]): string {
  return keys.map(({ id }) => id.slice(0, 12)).join(", ");
}
