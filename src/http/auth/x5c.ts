/**
 * The key of a token that brings its certificates (`x5c`): only if they lead to the configured bundle.
 *
 * The leaf must be valid now, and either stand in the bundle itself or lead to an authority in it. A certificate that an
 * authority made for a TLS server signs no tokens, nor does an authority below it: it makes certificates.
 */
import { type KeyObject, X509Certificate } from "node:crypto";
import { leadsTo } from "../../core/certificate-chain.ts";

const mostCertificates = 8;
const mostCharacters = 16_384;
const serverAuthentication = "1.3.6.1.5.5.7.3.1";

/** Undefined: it may not sign tokens. `x5c`: base64 of DER, the leaf first (RFC 7515, 4.1.6). */
export function keyOfChain(
  x5c: unknown,
  bundle: readonly X509Certificate[],
  at: number,
): KeyObject | undefined {
  if (!Array.isArray(x5c) || x5c.length === 0 || x5c.length > mostCertificates) return undefined;
  const certificates: X509Certificate[] = [];
  try {
    for (const text of x5c) {
      if (typeof text !== "string" || text.length > mostCharacters) return undefined;
      certificates.push(new X509Certificate(Buffer.from(text, "base64")));
    }
    const [leaf, ...rest] = certificates;
    if (leaf === undefined || !isValid(leaf, at)) return undefined;
    const isOurs = bundle.some((each) => each.raw.equals(leaf.raw));
    const isForServers = leaf.keyUsage?.includes(serverAuthentication) === true;
    const leads =
      isOurs || (!leaf.ca && !isForServers && leadsTo({ leaf, intermediates: () => rest }, bundle, at));
    return leads ? leaf.publicKey : undefined;
  } catch {
    // No certificate, or one whose key cannot be used.
    return undefined;
  }
}

export function isValid(certificate: X509Certificate, at: number): boolean {
  return certificate.validFromDate.getTime() <= at && at < certificate.validToDate.getTime();
}
