/**
 * Enough people sign, whatever the metadata is content with: counted on the file itself, by keys of allowed algorithms,
 * as readers with the same policy count; and demanded of whoever sets a role's threshold, so that readers without a policy
 * (stock clients) hold to the same number.
 */
import type { Metadata, RoleKeys } from "../../core/model.ts";
import { isTargetsRole, parentRole } from "../../core/names.ts";
import { isMet } from "../../core/threshold.ts";
import { delegatedKeys, rootRole } from "../../core/verify.ts";
import { demandsOf } from "../demands.ts";
import type { Finding } from "../policy.ts";
import type { Publication, Ruling } from "../publication.ts";
import { countAllowed, notAllowed } from "./signers.ts";

/** IDs of who could still sign, in one finding. */
const mostMissing = 64;
const mostShown = 2;

/** Signatures on what is published. */
export function signatureThresholds(publication: Publication, { rule }: Ruling): Finding[] {
  return publication.files.flatMap((file): Finding[] => {
    const keys = keysOf(file, publication);
    if (keys === undefined) return [];
    const count = countAllowed(file, keys, rule, demandsOf(rule, file.role)?.minThreshold ?? 1);
    if (isMet(count)) return [];
    const others = notAllowed(file, keys, rule);
    const [needed, signed] = [count.needed, count.signed.length];
    const uncounted =
      others.signatures === 0
        ? ""
        : `; ${others.signatures} more by ${others.algorithms.join(", ")} do not count, because the policy does not allow that`;
    return [
      {
        code: "POLICY_THRESHOLD",
        severity: "refuse",
        role: file.role,
        sentence: `${file.role} carries ${signed} of the ${needed} signatures that the policy demands${uncounted}.`,
        fix: howToSign(count.missing, needed - signed),
        detail: { needed, signed, missing: count.missing.slice(0, mostMissing) },
      },
    ];
  });
}

/** Thresholds that a published root or parent sets. */
export function declaredThresholds({ files }: Publication, { rule }: Ruling): Finding[] {
  return files.flatMap(({ role: by, signed }): Finding[] => {
    const declared: readonly (readonly [string, RoleKeys])[] =
      signed.kind === "root"
        ? (["root", "targets"] as const).map((role) => [role, rootRole(signed, role)])
        : signed.kind === "targets"
          ? signed.delegations.map((delegation) => [delegation.role, delegation])
          : [];
    return declared.flatMap(([role, { threshold }]): Finding[] => {
      const least = demandsOf(rule, role)?.minThreshold ?? 1;
      if (threshold >= least) return [];
      return [
        {
          code: "THRESHOLD_TOO_LOW",
          severity: "refuse",
          role: by,
          sentence: `${by} gives ${role} a threshold of ${threshold}; the policy demands ${least}.`,
          fix: `Whoever signs ${by} raises it, with keys for as many people.`,
          detail: { of: role, threshold, least },
        },
      ];
    });
  });
}

/** Who may sign a file that people sign. The parent of every file that was examined is there. */
function keysOf({ role }: Metadata, { root, targets }: Publication): RoleKeys | undefined {
  if (role === "root" || role === "targets") return rootRole(root.signed, role);
  const parent = isTargetsRole(role) ? targets.get(parentRole(role) ?? "") : undefined;
  return parent && delegatedKeys(parent.signed, role);
}

function howToSign(missing: readonly string[], short: number): string {
  if (missing.length < short) return "Give the role more keys, and have their holders sign it.";
  const more = missing.length - mostShown;
  const ids = `${missing.slice(0, mostShown).join(", ")}${more > 0 ? ` or ${more} more` : ""}`;
  return `Open a proposal, which the holders of ${ids} can sign (vidimus proposal open).`;
}
