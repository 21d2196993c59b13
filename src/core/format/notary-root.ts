/** The signed part of a Notary root (notary-protocol.md 3.3, 3.4). */
import { MalformedError } from "../errors.ts";
import { type JsonObject, member } from "../json.ts";
import { type ListedKey, notaryKeyId, openKey } from "../keys.ts";
import { maxKeys, maxKeyUses, maxPublicKey, maxRoleKeys, maxUsedKeys } from "../limits.ts";
import type { RoleKeys, Root } from "../model.ts";
import { type TopRole, topRoles } from "../names.ts";
import { entries, list, Shape, text, threshold } from "../shape.ts";
import { distinctKeys } from "../threshold.ts";

const keyShape = new Shape("a key", ["keytype", "keyval"]);
const keyValueShape = new Shape('"keyval"', ["private", "public"]);
const roleShape = new Shape("a role", ["keyids", "threshold"]);

/**
 * All keys of an object member `keys`, each under an ID that is its own. Their content is not opened here: keys
 * that no role uses (certificates of earlier roots) may be of any age and strength.
 */
export function readKeys(object: JsonObject): ReadonlyMap<string, ListedKey> {
  const keys = new Map<string, ListedKey>();
  for (const [id, value] of entries(object, "keys", maxKeys)) {
    const key = keyShape.read(value);
    const keytype = text(key, "keytype", 64);
    const keyval = keyValueShape.read(member(key, "keyval"));
    if ((member(keyval, "private") ?? null) !== null) {
      throw new MalformedError(
        "PRIVATE_KEY_PUBLISHED",
        "A private key stands in the file: remove it, and replace that key, since it must be taken for known.",
      );
    }
    const publicText = text(keyval, "public", maxPublicKey);
    if (notaryKeyId(keytype, publicText) !== id) {
      throw new MalformedError("KEY_ID_MISMATCH", "key ID is not valid for key content");
    }
    keys.set(id, { id, keytype, public: publicText });
  }
  return keys;
}

/** Counts the keys that the roles of one file use, so that they are bounded before they are opened. */
export class KeyUses {
  readonly #ids = new Set<string>();
  #uses = 0;

  add(id: string): void {
    this.#ids.add(id);
    if (++this.#uses > maxKeyUses || this.#ids.size > maxUsedKeys) {
      throw new MalformedError(
        "TOO_MANY",
        `Use at most ${maxUsedKeys} different keys in one file, and at most ${maxKeyUses} times altogether.`,
      );
    }
  }
}

/** The keys a role lists, each once, each present in `keys`; and opened, so that a weak one is refused here. */
export function readRoleKeys(
  role: string,
  object: JsonObject,
  all: ReadonlyMap<string, ListedKey>,
  uses: KeyUses,
): RoleKeys {
  const needed = threshold(object, role);
  const keys = new Map<string, ListedKey>();
  for (const id of list(object, "keyids", maxRoleKeys)) {
    const key = typeof id === "string" ? all.get(id) : undefined;
    if (key === undefined) {
      throw new MalformedError("BAD_KEY", `A key ID is specified in ${role} without corresponding key.`);
    }
    if (keys.has(key.id)) throw new MalformedError("BAD_THRESHOLD", `List each key ID once in ${role}.`);
    uses.add(key.id);
    openKey(key);
    keys.set(key.id, key);
  }
  return { keys, threshold: needed };
}

export function readRoot(signed: JsonObject): Pick<Root, "roles"> {
  const keys = readKeys(signed);
  // Roles of other names are allowed and ignored.
  const given = new Map(entries(signed, "roles", maxKeys));
  const roles = new Map<TopRole, RoleKeys>();
  const uses = new KeyUses();
  for (const role of topRoles) {
    const value = given.get(role);
    if (value === undefined) {
      throw new MalformedError("BAD_SHAPE", `root type metadata invalid: missing ${role} role specification`);
    }
    const roleKeys = readRoleKeys(role, roleShape.read(value), keys, uses);
    if (distinctKeys(roleKeys) < roleKeys.threshold) {
      throw new MalformedError(
        "BAD_THRESHOLD",
        `The threshold of ${role} is more than its distinct keys, so nobody could ever sign it.`,
      );
    }
    roles.set(role, roleKeys);
  }
  return { roles };
}
