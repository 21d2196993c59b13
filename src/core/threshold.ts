/**
 * The one counter of signatures. Clients throw on its answer, audit pages print it, policy reads it; root,
 * targets and delegations share it.
 *
 * What counts is distinct key material: two certificates of one key, or one key under two IDs, are one signer.
 * Entries of keys the role does not list, entries that do not verify, and methods that do not fit the key count
 * for nothing and harm nothing (a good file may carry one bad signature).
 *
 * A file is counted more than once: by the rules of TUF, by the pins, by the policy, and again for each question that it
 * answers. Bytes that were read never change, so the same signature over the same bytes by the same key is verified once.
 */
import { type ListedKey, openKey, type UsableKey } from "./keys.ts";
import type { Metadata, RoleKeys, SignatureEntry } from "./model.ts";
import { verifySignature } from "./schemes.ts";

export interface SignatureCount {
  readonly needed: number;
  /** One entry for each distinct key that signed, under the ID it signed by. */
  readonly signed: readonly UsableKey[];
  /** IDs of the role's keys without a valid signature; a second ID of a key that signed is not missing. */
  readonly missing: readonly string[];
}

/**
 * Counts the valid signatures on a file by keys of a role.
 * @param accept leaves out keys that may not sign now (a certificate that has expired); all are taken without it
 */
export function countSignatures(
  file: Pick<Metadata, "message" | "signatures">,
  role: RoleKeys,
  accept: (key: UsableKey) => boolean = () => true,
): SignatureCount {
  const signed = new Map<string, UsableKey>();
  for (const entry of file.signatures) {
    const listed = role.keys.get(entry.keyId);
    const key = listed === undefined ? undefined : openKey(listed);
    if (listed === undefined || key === undefined || signed.has(key.material) || !accept(key)) continue;
    if (isGood(entry, key, file.message)) {
      signed.set(key.material, key.id === listed.id ? key : { ...key, ...listed });
    }
  }
  const missing = [...role.keys.values()]
    .filter((listed) => !signed.has(openKey(listed)?.material ?? ""))
    .map((listed) => listed.id);
  return { needed: role.threshold, signed: [...signed.values()], missing };
}

/** Whether a signature is good, by the key of this material. */
export interface Verdict {
  readonly material: string;
  readonly good: boolean;
}

/** The last verdict on each signature. It holds for the very message and key that it was made with. */
const verdicts = new WeakMap<SignatureEntry, Verdict & { readonly message: Uint8Array }>();

/**
 * Verifies each signature of a file by the key among these that it names, for whoever counts later, with keys not known yet: one
 * verdict for each signature, undefined where no key is there or it cannot be used.
 */
export function tryKeys(
  { message, signatures }: Pick<Metadata, "message" | "signatures">,
  known: ReadonlyMap<string, ListedKey>,
): (Verdict | undefined)[] {
  return signatures.map((entry) => {
    const listed = known.get(entry.keyId);
    const key = listed === undefined ? undefined : openOrNone(listed);
    return key && { material: key.material, good: isGood(entry, key, message) };
  });
}

/** Verdicts of `tryKeys` on the same file, made in another thread. */
export function recall(
  { message, signatures }: Pick<Metadata, "message" | "signatures">,
  made: readonly (Verdict | undefined)[],
): void {
  for (const [at, entry] of signatures.entries()) {
    const verdict = made[at];
    if (verdict !== undefined) verdicts.set(entry, { message, ...verdict });
  }
}

/** What is wrong with a key is for whoever counts with it to say. */
function openOrNone(listed: ListedKey): UsableKey | undefined {
  try {
    return openKey(listed);
  } catch {
    return undefined;
  }
}

function isGood(entry: SignatureEntry, { kind, key, material }: UsableKey, message: Uint8Array): boolean {
  const last = verdicts.get(entry);
  if (last !== undefined && last.message === message && last.material === material) return last.good;
  const good = verifySignature(kind, key, entry.method, message, entry.signature);
  verdicts.set(entry, { message, material, good });
  return good;
}

export function isMet(count: SignatureCount): boolean {
  return count.signed.length >= count.needed;
}

/** How many signers a role can have at most. Keys of an unknown type can never sign. */
export function distinctKeys({ keys }: RoleKeys): number {
  return new Set([...keys.values()].map((key) => openKey(key)?.material).filter((each) => each !== undefined))
    .size;
}

/** IDs of as many held keys as the role needs, of distinct material as readers count; undefined if too few are held. */
export function enoughKeys(role: RoleKeys, held: { has(keyId: string): boolean }): string[] | undefined {
  const byMaterial = new Map<string, string>();
  for (const key of role.keys.values()) {
    const material = held.has(key.id) ? openKey(key)?.material : undefined;
    if (material !== undefined && byMaterial.size < role.threshold) byMaterial.set(material, key.id);
  }
  return byMaterial.size < role.threshold ? undefined : [...byMaterial.values()];
}
