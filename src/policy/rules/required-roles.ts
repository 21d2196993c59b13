/**
 * Roles that a policy requires to agree (`require`) are only worth that if different people sign them. One key in two of
 * them is legal, and what `docker trust signer add` makes; worth a word, not a refusal.
 */
import { openKey } from "../../core/keys.ts";
import type { Finding } from "../policy.ts";
import type { Publication, Ruling } from "../publication.ts";

export function requiredRoles({ files }: Publication, { rule }: Ruling): Finding[] {
  return files.flatMap(({ role: by, signed }): Finding[] => {
    if (signed.kind !== "targets") return [];
    const owner = new Map<string, string>();
    const shared = new Map<string, string>();
    for (const { role, keys } of signed.delegations) {
      if (!rule.require.includes(role)) continue;
      for (const key of keys.values()) {
        const material = openKey(key)?.material;
        const other = material === undefined ? undefined : owner.get(material);
        if (other !== undefined && other !== role) shared.set(role, other);
        else if (material !== undefined) owner.set(material, role);
      }
    }
    return [...shared].map(([role, other]) => ({
      code: "SHARED_KEY",
      severity: "warn",
      role: by,
      sentence: `One key signs both ${other} and ${role}, which the policy requires to agree: it agrees with itself.`,
      fix: `Whoever signs ${by} gives each of them keys of its own.`,
    }));
  });
}
