/**
 * Who signed a file, counted as the policy counts: only keys of allowed algorithms, and at least as many as the policy
 * demands, whatever the metadata says. The counter itself is that of the core.
 */
import type { UsableKey } from "../../core/keys.ts";
import type { Metadata, RoleKeys } from "../../core/model.ts";
import { countSignatures, type SignatureCount } from "../../core/threshold.ts";
import type { Algorithm, Rule } from "../trust-policy.ts";

const curves: Readonly<Record<string, Algorithm>> = {
  prime256v1: "ecdsa-p256",
  secp384r1: "ecdsa-p384",
  secp521r1: "ecdsa-p521",
};

/** Whether a rule allows signatures by this key. RSA counts by its size: `rsa-2048` allows every larger one. */
export function isAllowed({ kind, key }: UsableKey, allowed: Rule["algorithms"]): boolean {
  if (allowed === undefined) return true;
  if (kind === "ed25519") return allowed.has("ed25519");
  if (kind === "ecdsa") {
    const name = curves[key.asymmetricKeyDetails?.namedCurve ?? ""];
    return name !== undefined && allowed.has(name);
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  return ([2_048, 3_072, 4_096] as const).some((least) => bits >= least && allowed.has(`rsa-${least}`));
}

/**
 * Valid signatures on a file by keys of its role that the rule allows. `needed` is the greater of the role's threshold
 * and what the policy demands.
 */
export function countAllowed(
  file: Pick<Metadata, "message" | "signatures">,
  keys: RoleKeys,
  rule: Pick<Rule, "algorithms">,
  minThreshold: number,
  accept: (key: UsableKey) => boolean = () => true,
): SignatureCount {
  const count = countSignatures(file, keys, (key) => isAllowed(key, rule.algorithms) && accept(key));
  return { ...count, needed: Math.max(count.needed, minThreshold) };
}
