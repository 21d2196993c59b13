/** What the policy demands of the files behind an answer: signatures, lifetimes, agreement of roles, age. */
import type { Metadata, TargetFile, Targets } from "../core/model.ts";
import { parentRole } from "../core/names.ts";
import { isMet, type SignatureCount } from "../core/threshold.ts";
import type { Verified } from "../core/verify.ts";
import { ageFinding } from "../policy/rules/ages.ts";
import { countAllowed } from "../policy/rules/signers.ts";
import { TrustError } from "./errors.ts";
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
  for (const role of scope.rule.require) {
    const other = role === hit.role ? hit : await entryIn(view, role, hit.name);
    if (other === undefined || !sameFile(hit.target, other.target))
      throw disagreement(view, hit, role, other);
    if (other !== hit) await checkRole(view, role);
  }
  const finding = ageFinding(hit.target, scope.rule, scope.at);
  if (finding !== undefined) {
    throw new TrustError(
      finding.code,
      `${hit.name} in ${hit.role} of ${scope.repository}: ${finding.sentence}`,
      {
        role: hit.role,
      },
    );
  }
  return count;
}

/** A role and all above it, which gave it its keys. */
async function checkRole(view: RepositoryView, role: string): Promise<SignatureCount> {
  const parent = parentRole(role);
  if (parent !== undefined) await checkRole(view, parent);
  return checkFile(view, (await view.role(role)) as Verified<Targets>);
}

function checkFile({ set, scope }: RepositoryView, file: Metadata): SignatureCount {
  const { rule, at, repository } = scope;
  const { role, signed } = file;
  const demands = rule.roles.get(role);
  const least = role === "root" ? rule.rootMinThreshold : (demands?.minThreshold ?? 1);
  const count = countAllowed(file, set.keysOf(role), rule, least);
  if (!isMet(count)) {
    throw new TrustError(
      "POLICY_THRESHOLD",
      `${role} of ${repository} carries ${count.signed.length} signatures that count; the policy demands ${count.needed}.`,
      { role, detail: { needed: count.needed, signed: count.signed.length } },
    );
  }
  if (demands?.maxLifetime !== undefined && signed.expires - at > demands.maxLifetime) {
    throw new TrustError(
      "LIFETIME",
      `${role} of ${repository} expires at ${new Date(signed.expires).toISOString()}, later than the policy allows.`,
      { role },
    );
  }
  return count;
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
