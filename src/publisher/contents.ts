/**
 * Files as they are edited: what verified metadata says, as the format writes it again. Nothing is lost but what the model does
 * not have, and that is refused instead of being dropped: a target without a sha256.
 */
import type { RootContent, TargetContent, TargetsContent } from "../core/format/format.ts";
import type { Json } from "../core/json.ts";
import type { ListedKey } from "../core/keys.ts";
import { maxTargetName } from "../core/limits.ts";
import type { RoleKeys, Root, TargetFile, Targets } from "../core/model.ts";
import { type TopRole, topRoles } from "../core/names.ts";
import { EditError } from "./errors.ts";

/** What is written again of a root. */
export function rootContentOf({ version, expires, roles }: Root): RootContent {
  const of = (role: TopRole) => {
    const { keys, threshold } = roles.get(role) as RoleKeys;
    return { keyIds: [...keys.keys()], threshold };
  };
  return {
    version,
    expires,
    keys: distinct([...roles.values()].flatMap(({ keys }) => [...keys.values()])),
    roles: { root: of("root"), targets: of("targets"), snapshot: of("snapshot"), timestamp: of("timestamp") },
  };
}

/** Throws `TARGET_UNWRITABLE` for a target that is signed by a digest that is not written here. */
export function targetsContentOf(role: string, file: Targets): TargetsContent {
  const targets = new Map<string, TargetContent>();
  for (const name of file.targetNames()) {
    const target = file.target(name);
    if (target !== undefined) targets.set(name, targetContentOf(role, name, target));
  }
  return {
    version: file.version,
    expires: file.expires,
    targets,
    keys: distinct(file.delegations.flatMap(({ keys }) => [...keys.values()])),
    delegations: file.delegations.map(({ role: child, keys, threshold, paths }) => ({
      role: child,
      keyIds: [...keys.keys()],
      threshold,
      paths,
    })),
  };
}

function targetContentOf(role: string, name: string, { length, hashes, custom }: TargetFile): TargetContent {
  const sha256 = hashes.get("sha256");
  if (sha256 === undefined) {
    throw new EditError(
      "TARGET_UNWRITABLE",
      `${name} of ${role} is signed without a sha256: remove it, or add it anew, before anything of ${role} is changed.`,
    );
  }
  return {
    length,
    sha256,
    sha512: hashes.get("sha512"),
    ...(custom !== undefined && { custom: custom as Json }),
  };
}

/** Each key once, in the order of first mention. */
export function distinct(keys: readonly ListedKey[]): ListedKey[] {
  return [...new Map(keys.map((key) => [key.id, key])).values()];
}

/** Keys that are still named by some role, with those that come. */
export function keysInUse(root: RootContent, more: readonly ListedKey[]): ListedKey[] {
  const used = new Set(topRoles.flatMap((role) => root.roles[role].keyIds));
  return distinct([...root.keys, ...more]).filter(({ id }) => used.has(id));
}

/** Throws `TARGET_UNWRITABLE` for a name that no file can carry, and no reader would take. */
export function checkTargetName(name: string): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  const isWritable = name !== "" && name.isWellFormed() && !/[\u0000-\u001f]/.test(name);
  if (isWritable && Buffer.byteLength(name) <= maxTargetName) return;
  throw new EditError(
    "TARGET_UNWRITABLE",
    `A name has 1 to ${maxTargetName} bytes and no control characters: write ${JSON.stringify(name.slice(0, 40))} otherwise.`,
  );
}
