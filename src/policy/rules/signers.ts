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

const sizes = [2_048, 3_072, 4_096] as const;

/** Whether a rule allows signatures by this key. RSA counts by its size: `rsa-2048` allows every larger one. */
export function isAllowed(key: UsableKey, allowed: Rule["algorithms"]): boolean {
  return allowed === undefined || algorithmsOf(key).some((each) => allowed.has(each));
}

/** What to call a key's algorithm: the least that would have to be allowed for it. */
export function algorithmName(key: UsableKey): string {
  return algorithmsOf(key).at(-1) ?? "one that no policy can allow";
}

/** The algorithms of the policy that each allow a key; none for a curve or a size that the policy does not know. */
function algorithmsOf({ kind, key }: UsableKey): readonly Algorithm[] {
  if (kind === "ed25519") return ["ed25519"];
  if (kind === "ecdsa") {
    const name = curves[key.asymmetricKeyDetails?.namedCurve ?? ""];
    return name === undefined ? [] : [name];
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  return sizes.filter((least) => bits >= least).map((least) => `rsa-${least}` as const);
}

/**
 * Valid signatures on a file that do not count because the rule does not allow their algorithm: how many, and the least
 * that would have to be allowed for them, in the order of the names.
 */
export function notAllowed(
  file: Pick<Metadata, "message" | "signatures">,
  keys: RoleKeys,
  { algorithms }: Pick<Rule, "algorithms">,
): { readonly signatures: number; readonly algorithms: readonly string[] } {
  const { signed } = countSignatures(file, keys, (key) => !isAllowed(key, algorithms));
  return { signatures: signed.length, algorithms: [...new Set(signed.map(algorithmName))].sort() };
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
