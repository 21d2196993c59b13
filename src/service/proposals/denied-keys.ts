/** Denied keys where signatures are collected: theirs are refused, and they are not among those that are missing. */
import { RefusedError } from "../../core/errors.ts";
import { canonicalKeyId, type UsableKey } from "../../core/keys.ts";
import type { SignatureEntry } from "../../core/model.ts";
import type { Requirement } from "../../core/proposal.ts";
import type { Store } from "../../store/contract/store.ts";

export type Denied = ReadonlySet<string>;

/** IDs of bare keys; asked of the store each time, so that a denial holds at once, in every process. */
export async function deniedKeys({ register }: Pick<Store, "register">): Promise<Denied> {
  return new Set((await register.denied()).map(({ keyId }) => keyId));
}

export function withoutDenied(needs: readonly Requirement[], denied: Denied): readonly Requirement[] {
  if (denied.size === 0) return needs;
  return needs.map(({ accept, ...rest }) => ({
    ...rest,
    accept: (key: UsableKey) => accept(key) && !denied.has(key.canonicalId),
  }));
}

/** IDs under which denied keys have signed: what these signatures did before counts no more. */
export function deniedAmong(
  needs: readonly Requirement[],
  entries: readonly SignatureEntry[],
  denied: Denied,
): readonly string[] {
  if (denied.size === 0) return [];
  const isDenied = (keyId: string) =>
    needs.some(({ keys }) => {
      const listed = keys.keys.get(keyId);
      return listed !== undefined && denied.has(canonicalKeyId(listed));
    });
  return entries.map(({ keyId }) => keyId).filter(isDenied);
}

/** Throws `KEY_DENIED` for a signature that names a denied key. */
export function refuseDenied(
  role: string,
  needs: readonly Requirement[],
  entries: readonly SignatureEntry[],
  denied: Denied,
): void {
  if (denied.size === 0) return;
  for (const { keyId } of entries) {
    for (const { keys } of needs) {
      const listed = keys.keys.get(keyId);
      if (listed === undefined || !denied.has(canonicalKeyId(listed))) continue;
      throw new RefusedError(
        "KEY_DENIED",
        `Sign ${role} with another key: the operator of this server has denied ${keyId}, and its signatures do not count.`,
        { role, detail: { key: keyId } },
      );
    }
  }
}
