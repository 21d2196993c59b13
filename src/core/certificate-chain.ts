/**
 * Whether a root's certificate leads to one of some pinned authorities (notary-protocol.md 7.5, rule 3).
 *
 * A path runs from the leaf over CA certificates of its own bundle to a pinned one, each signed by the next and valid at
 * the instant, none signed with a hash older than SHA-2. The pinned one may stand in the bundle or not. Usages beyond
 * "is a CA" are not looked at, since the certificates that Notary makes have none that fit (docs/divergences.md). Name
 * constraints cannot be checked by the platform, so an authority that has them carries nothing.
 */
import type { X509Certificate } from "node:crypto";
import { type CertificateBundle, isWeaklySigned } from "./certificates.ts";

/** DER of the object identifier 2.5.29.30, nameConstraints. */
const nameConstraints = Buffer.from("0603551d1e", "hex");

/** @param at the instant in milliseconds */
export function leadsTo(
  { leaf, ...bundle }: CertificateBundle,
  pinned: readonly X509Certificate[],
  at: number,
): boolean {
  const authorities = pinned.filter((each) => isAuthority(each, at));
  const between = bundle.intermediates().filter((each) => isAuthority(each, at));
  const reached = new Set<X509Certificate>();
  const queue = [leaf];
  for (let here = queue.shift(); here !== undefined; here = queue.shift()) {
    if (isWeaklySigned(here)) continue;
    const under = here;
    if (authorities.some((each) => under.raw.equals(each.raw) || isIssuedBy(under, each))) return true;
    for (const next of between) {
      if (reached.has(next) || !isIssuedBy(under, next)) continue;
      reached.add(next);
      queue.push(next);
    }
  }
  return false;
}

function isAuthority(certificate: X509Certificate, at: number): boolean {
  return (
    certificate.ca &&
    certificate.validFromDate.getTime() <= at &&
    at < certificate.validToDate.getTime() &&
    !certificate.raw.includes(nameConstraints)
  );
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  try {
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    // A key that OpenSSL cannot use has issued nothing.
    return false;
  }
}
