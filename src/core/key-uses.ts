/** Which keys of people a root brings in: what is remembered of it to warn of keys that several repositories share. */
import { openKey } from "./keys.ts";
import type { Root } from "./model.ts";

/** Offline keys only: online keys are made per repository. */
export function keyUses(root: Root): { readonly material: string; readonly role: string }[] {
  const uses: { material: string; role: string }[] = [];
  for (const role of ["root", "targets"] as const) {
    for (const key of root.roles.get(role)?.keys.values() ?? []) {
      const material = openKey(key)?.material;
      if (material !== undefined) uses.push({ material, role });
    }
  }
  return uses;
}
