/** Settings of a policy that nothing comes to: no contradiction, but hardly what their author meant. */
import { trimmed } from "../../policy/schema.ts";
import type { Rule, TrustPolicy } from "../../policy/trust-policy.ts";

/**
 * A sentence for each server that no rule leads to, and for each role of a rule whose word does not count there.
 * @param option the server of rules that name none, where the policy names none either
 */
export function unusedSettings(policy: TrustPolicy, option: string | undefined): readonly string[] {
  const rest = policy.server ?? option;
  const asked = new Set(policy.rules.map(({ server }) => trimmed(server ?? rest ?? "")));
  const servers = [...policy.servers.keys()]
    .filter((url) => !asked.has(url))
    .map((url) => `\`servers\` has ${url}, to which no rule leads`);
  const roles = policy.rules.flatMap((rule) =>
    [...rule.roles.keys()]
      .filter((role) => !counts(role, rule))
      .map(
        (role) => `${rule.place}.roles has ${role}, which is neither in its \`lookup\` nor in \`require\``,
      ),
  );
  return [...servers, ...roles];
}

/** Whether a role is looked at under a rule: the four of the repository, a role that counts, or one above such a role. */
function counts(entry: string, { lookup, require }: Rule): boolean {
  const role = entry.endsWith("/**") ? entry.slice(0, -"/**".length) : entry;
  if (!role.startsWith("targets/")) return true;
  return [...lookup, ...require].some((each) => {
    const isTree = each.endsWith("/**");
    const base = isTree ? each.slice(0, -"/**".length) : each;
    return base === role || base.startsWith(`${role}/`) || (isTree && role.startsWith(`${base}/`));
  });
}
