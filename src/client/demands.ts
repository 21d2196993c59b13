/** What the policy demands of an answer beyond its files (`file-demands.ts`): agreement of roles, and age. */
import type { TargetFile } from "../core/model.ts";
import { parentRole } from "../core/names.ts";
import type { SignatureCount } from "../core/threshold.ts";
import { ageFinding } from "../policy/rules/ages.ts";
import { TrustError } from "./errors.ts";
import { checkFile } from "./file-demands.ts";
import { entryIn, type Hit } from "./lookup.ts";
import type { RepositoryView } from "./repository-view.ts";

/**
 * Throws `POLICY_THRESHOLD`, `LIFETIME`, `ROLES_DISAGREE`, `SIGNATURE_TOO_OLD`, `SIGNATURE_DATE` unless the answer is as
 * the rule demands. Returns the signatures on the file that gave it.
 */
export async function checkDemands(view: RepositoryView, hit: Hit): Promise<SignatureCount> {
  const { set, scope } = view;
  for (const file of [set.root, set.timestamp, set.snapshot]) if (file !== undefined) checkFile(view, file);
  const count = await checkRole(view, hit.role);
  checkAge(view, hit);
  for (const role of scope.rule.require) {
    if (role === hit.role) continue;
    const other = await entryIn(view, role, hit.name);
    if (other === undefined || !sameFile(hit.target, other.target))
      throw disagreement(view, hit, role, other);
    await checkRole(view, role);
    checkAge(view, other);
  }
  return count;
}

function checkAge({ scope }: RepositoryView, { target, name, role }: Hit): void {
  const finding = ageFinding(target, scope.rule, scope.at);
  if (finding === undefined) return;
  throw new TrustError(finding.code, `${name} in ${role} of ${scope.repository}: ${finding.sentence}`, {
    role,
  });
}

/** A role and all above it, which gave it its keys. */
async function checkRole(view: RepositoryView, role: string): Promise<SignatureCount> {
  const parent = parentRole(role);
  if (parent !== undefined) await checkRole(view, parent);
  return checkFile(view, await view.role(role));
}

/** Same length, and the same digest by every algorithm that both list, of which there is one at least. */
function sameFile(a: TargetFile, b: TargetFile): boolean {
  const shared = [...a.hashes.keys()].filter((algorithm) => b.hashes.has(algorithm));
  const same = shared.every((algorithm) => a.hashes.get(algorithm) === b.hashes.get(algorithm));
  return a.length === b.length && shared.length > 0 && same;
}

function disagreement({ scope }: RepositoryView, hit: Hit, role: string, other: Hit | undefined): TrustError {
  const what =
    other === undefined
      ? `${role} does not sign it`
      : `${role} says sha256:${other.target.hashes.get("sha256") ?? "(none)"}`;
  return new TrustError(
    "ROLES_DISAGREE",
    `${hit.role} of ${scope.repository} signs ${hit.name}, but ${what}; the policy requires both.`,
    { role },
  );
}
