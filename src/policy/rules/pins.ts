/**
 * Pins: the root in force must carry as many signatures by pinned keys as its threshold and the policy demand, each by
 * a key of its own. Checked on every update, not on the first alone (Notary checks pins once, notary-protocol.md 7.5).
 *
 * A Notary key ID of a root hashes its certificate, whose CN is the repository, so one root key has another ID in each
 * repository: a pin in `keys` fits the bare key's ID as well as that of the certificate form.
 */
import type { X509Certificate } from "node:crypto";
import { leadsTo } from "../../core/certificate-chain.ts";
import type { UsableKey } from "../../core/keys.ts";
import type { Root } from "../../core/model.ts";
import { isMet, type SignatureCount } from "../../core/threshold.ts";
import { type RootScope, rootRole, type Verified } from "../../core/verify.ts";
import type { Pins, Rule } from "../trust-policy.ts";
import { countAllowed } from "./signers.ts";

/** Pins with the authorities of their `ca` file read. */
export interface OpenPins extends Pick<Pins, "keys" | "certificates"> {
  readonly authorities: readonly X509Certificate[];
}

export function isPinned(key: UsableKey, pins: OpenPins, at: number): boolean {
  if (pins.keys.includes(key.id) || pins.keys.includes(key.canonicalId)) return true;
  if (key.certificates === undefined) return false;
  return pins.certificates.includes(key.id) || leadsTo(key.certificates, pins.authorities, at);
}

export interface PinQuestion {
  /** Undefined: every key counts that may sign the root at all. */
  readonly pins: OpenPins | undefined;
  readonly rule: Pick<Rule, "algorithms" | "rootMinThreshold">;
  readonly scope: RootScope;
  /** The instant in milliseconds. */
  readonly at: number;
  /** `ignored`: of an earlier root of a chain, whose certificates may have expired since. */
  readonly validity: "now" | "ignored";
}

/**
 * Signatures on the root by pinned keys; `missing` are those of its own keys that did not sign or are not pinned. A key
 * in which the format finds a fault (a certificate that names another repository, or has expired) counts for nothing,
 * whoever pinned it: an authority vouches for what stands in a certificate.
 */
export function countPinned(root: Verified<Root>, question: PinQuestion): SignatureCount {
  const { pins, rule, scope, at, validity } = question;
  const instant = validity === "now" ? at : undefined;
  return countAllowed(root, rootRole(root.signed, "root"), rule, rule.rootMinThreshold, (key) => {
    if (scope.format.rootKeyFault(key, scope.repository, instant) !== undefined) return false;
    return pins === undefined || isPinned(key, pins, at);
  });
}

export function satisfiesPins(root: Verified<Root>, question: PinQuestion): boolean {
  return isMet(countPinned(root, question));
}
