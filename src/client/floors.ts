/** Holding what is served against a lock. */
import { TrustError } from "./errors.ts";
import type { RepositoryView } from "./repository-view.ts";

/** Throws `BELOW_LOCK` if a file that was trusted for the lock is served in a lower version now. */
export function checkFloors({ set, scope }: Pick<RepositoryView, "set" | "scope">): void {
  const { root } = set;
  if (root === undefined) return;
  for (const { versions, onlineKeyIds } of scope.floors) {
    refuseBelow("root", root.signed.version);
    // Under other online keys versions may begin anew.
    const renewed =
      root.signed.version > (versions.root ?? 0) &&
      (["timestamp", "snapshot"] as const).some(
        (role) => !sameIds(onlineKeyIds[role], set.keysOf(role).keys),
      );
    if (renewed) continue;
    for (const file of [set.timestamp, set.snapshot, ...set.targets.values()]) {
      if (file !== undefined) refuseBelow(file.role, file.signed.version);
    }

    function refuseBelow(role: string, version: number): void {
      const locked = Object.hasOwn(versions, role) ? versions[role] : undefined;
      if (locked === undefined || version >= locked) return;
      throw new TrustError(
        "BELOW_LOCK",
        `${role} of ${scope.repository} has version ${version}; the lock was made with version ${locked}.`,
        { role, detail: { served: version, locked } },
      );
    }
  }
}

function sameIds(ids: readonly string[], keys: ReadonlyMap<string, unknown>): boolean {
  return ids.length === keys.size && ids.every((id) => keys.has(id));
}
