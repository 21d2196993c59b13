/**
 * Each of root, targets, snapshot and timestamp has keys of its own. Otherwise whoever steals the key that is online
 * also has the one that must never be. Keys shared by delegations or repositories are another matter: people sign in
 * several places with one key.
 */
import { openKey } from "../../core/keys.ts";
import type { Root } from "../../core/model.ts";
import type { Finding, Policy } from "../policy.ts";

export function keySeparation(root: Root, policy: Policy): Finding[] {
  const owner = new Map<string, string>();
  const findings: Finding[] = [];
  for (const [role, { keys }] of root.roles) {
    for (const key of keys.values()) {
      const material = openKey(key)?.material;
      if (material === undefined) continue;
      const other = owner.get(material);
      if (other === undefined || other === role) {
        owner.set(material, role);
        continue;
      }
      findings.push({
        code: "KEY_SEPARATION",
        severity: policy.allowKeyReuseAcrossRoles ? "warn" : "refuse",
        sentence: `One key signs both ${other} and ${role}.`,
        fix: "Give each of the four top roles a key of its own.",
        role: "root",
      });
    }
  }
  return findings;
}
