/** What a rule demands of a role, whichever of its keys says so. */
import { parentRole } from "../core/names.ts";
import type { RoleDemands, Rule } from "./trust-policy.ts";

type Demanding = Pick<Rule, "roles" | "rootMinThreshold" | "rootMaxLifetime">;

/**
 * The entry of `roles` that speaks for a role: its own, else the nearest `…/**` around it. As with rules, it speaks alone.
 */
export function entryFor({ roles }: Pick<Rule, "roles">, role: string): string | undefined {
  if (roles.has(role)) return role;
  for (let each: string | undefined = role; each !== undefined; each = parentRole(each)) {
    if (roles.has(`${each}/**`)) return `${each}/**`;
  }
  return undefined;
}

/** Of any role, root included; undefined if the rule says nothing of it. */
export function demandsOf(rule: Demanding, role: string): RoleDemands | undefined {
  if (role === "root") {
    return { minThreshold: rule.rootMinThreshold, maxLifetime: rule.rootMaxLifetime, paths: undefined };
  }
  return rule.roles.get(entryFor(rule, role) ?? "");
}
