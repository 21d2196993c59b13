/**
 * Keys that a repository listed once and lists no more, and since when.
 *
 * Pure. Roots are those of one verified chain, or one alone: then nothing is known of what was before it.
 */
import { canonicalKeyId, type ListedKey } from "../../core/keys.ts";
import type { Root, Targets } from "../../core/model.ts";

export interface PastKey {
  /** Of the bare key. */
  readonly id: string;
  readonly role: string;
  /**
   * `REPLACED`: the role lists other keys. `DELEGATION_DROPPED`: there is no such role any more.
   */
  readonly why: "REPLACED" | "DELEGATION_DROPPED";
  /** The version of the first root that did not list it; undefined for a delegation, where nothing keeps count. */
  readonly since: number | undefined;
}

/** Of a key that cannot be read, the ID by which it is listed. */
export function bareId(key: ListedKey): string {
  try {
    return canonicalKeyId(key);
  } catch {
    return key.id;
  }
}

/** @param earlier roots before `root`, versions ascending and without a gap. The timestamp, which nobody signs but the server, is left out. */
export function replacedKeys(earlier: readonly Root[], root: Root): readonly PastKey[] {
  const past = new Map<string, PastKey>();
  const all = [...earlier, root];
  for (const [index, one] of all.entries()) {
    const next = all[index + 1];
    for (const [role, { keys }] of one.roles) {
      if (role === "timestamp") continue;
      const later = new Set([...(next?.roles.get(role)?.keys.values() ?? [])].map(bareId));
      for (const id of [...keys.values()].map(bareId)) {
        const place = `${role} ${id}`;
        // One that came back is listed after all.
        if (next === undefined || later.has(id)) past.delete(place);
        else past.set(place, { id, role, why: "REPLACED", since: next.version });
      }
    }
  }
  return [...past.values()];
}

/** Keys of delegations, as two copies of one repository have them. */
export function droppedKeys(
  before: ReadonlyMap<string, Targets>,
  today: ReadonlyMap<string, Targets>,
): readonly PastKey[] {
  const now = delegated(today);
  return [...delegated(before)].flatMap(([role, ids]) => {
    const why = now.has(role) ? "REPLACED" : "DELEGATION_DROPPED";
    const left = now.get(role) ?? new Set();
    return [...ids].filter((id) => !left.has(id)).map((id) => ({ id, role, why, since: undefined }) as const);
  });
}

function delegated(files: ReadonlyMap<string, Targets>): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, ReadonlySet<string>>();
  for (const { delegations } of files.values())
    for (const { role, keys } of delegations) found.set(role, new Set([...keys.values()].map(bareId)));
  return found;
}
