/**
 * Certificates as root keys carry them: a PEM bundle, leaf first.
 *
 * A root key counts only if its leaf (notary-protocol.md 7.4):
 * - is the one certificate in the bundle that is not a CA, and comes first;
 * - has one CN, equal to the repository or `prefix/*` with the prefix a whole path above the repository
 *   (stricter than the original, see docs/divergences.md);
 * - is signed with SHA-2 or Ed25519, and an RSA key has 2048 to 8192 bits;
 * - is valid at the instant, at most one day of which may lie before its beginning; the same for every
 *   intermediate. For the previous root this last rule is left out: its certificates may have expired.
 *
 * Whether anybody trusts the certificate's issuer is a matter of pins, not of this file.
 */
import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { signatureAlgorithm } from "./certificate-signature.ts";
import { MalformedError } from "./errors.ts";
import { maxCertificates } from "./limits.ts";

export interface CertificateBundle {
  readonly leaf: X509Certificate;
  /** Read when somebody asks: only a root's are ever looked at. Throws `BAD_KEY`. */
  intermediates(): readonly X509Certificate[];
}

// A certificate that is taken apart before "node:tls" is loaded leaves that module without this function for the whole
// process (Node 24), and with it every HTTPS request of whoever uses this library. To name it here loads it first.
if (createSecureContext === undefined) {
  throw new TypeError("something took a certificate apart before node:tls was loaded; load node:tls first");
}

const block = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\r\n]+-----END CERTIFICATE-----/g;
const oneDay = 86_400_000;

/** Not RSASSA-PSS, whose hash is not in the name of the algorithm. */
const signatureAlgorithms = new Set([
  "2a864886f70d01010b", // sha256WithRSAEncryption, 1.2.840.113549.1.1.11
  "2a864886f70d01010c", // sha384WithRSAEncryption
  "2a864886f70d01010d", // sha512WithRSAEncryption
  "2a8648ce3d040302", // ecdsa-with-SHA256, 1.2.840.10045.4.3.2
  "2a8648ce3d040303", // ecdsa-with-SHA384
  "2a8648ce3d040304", // ecdsa-with-SHA512
  "2b6570", // Ed25519, 1.3.101.112
]);

/** Throws `BAD_KEY` unless the text is a bundle of 1 to 8 PEM certificates and nothing else. */
export function parseCertificates(pem: string): CertificateBundle {
  const blocks = pem.match(block) ?? [];
  if (blocks.length === 0 || blocks.length > maxCertificates || pem.replace(block, "").trim() !== "") {
    throw new MalformedError(
      "BAD_KEY",
      `A certificate key must hold 1 to ${maxCertificates} PEM certificates and nothing else.`,
    );
  }
  const [leaf = "", ...rest] = blocks;
  return { leaf: readCertificate(leaf), intermediates: () => rest.map(readCertificate) };
}

function readCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new MalformedError("BAD_KEY", "A certificate key holds a certificate that cannot be read.", {
      cause,
    });
  }
}

/** Whether weak hashing makes the certificate worthless. */
export function isWeaklySigned(certificate: X509Certificate): boolean {
  return !signatureAlgorithms.has(signatureAlgorithm(certificate.raw) ?? "");
}

/**
 * Why the bundle cannot carry a root of `repository`, or undefined if it can.
 * @param at the instant in milliseconds, or undefined to leave validity periods out (previous root)
 */
export function rootCertificateFault(
  { leaf, ...bundle }: CertificateBundle,
  repository: string,
  at: number | undefined,
): string | undefined {
  const intermediates = bundle.intermediates();
  if (leaf.ca) return "the first certificate of a root key must not be a CA";
  if (intermediates.some((each) => !each.ca))
    return "a root key must hold exactly one certificate that is not a CA";
  if (!namesRepository(leaf, repository)) {
    return `the certificate's CN must be ${repository} or a path above it followed by /*`;
  }
  for (const certificate of [leaf, ...intermediates]) {
    if (isWeaklySigned(certificate)) return "certificates must be signed with SHA-2 or Ed25519";
    if (at === undefined) continue;
    if (certificate.validToDate.getTime() < certificate.validFromDate.getTime()) {
      return "a certificate ends before it begins";
    }
    if (certificate.validToDate.getTime() <= at) return "a certificate has expired";
    if (certificate.validFromDate.getTime() > at + oneDay) return "a certificate is not valid yet";
  }
  return undefined;
}

function namesRepository(leaf: X509Certificate, repository: string): boolean {
  const name = commonName(leaf);
  if (name === undefined) return false;
  if (name === repository) return true;
  return (
    name.length > 2 &&
    name.endsWith("/*") &&
    repository.startsWith(name.slice(0, -1)) &&
    repository.length >= name.length
  );
}

/** The one CN of a certificate; undefined if it has none or several. */
export function commonName(certificate: X509Certificate): string | undefined {
  const subject = certificate.toLegacyObject().subject as unknown as
    | Record<string, string | string[]>
    | undefined;
  const name = subject !== undefined && Object.hasOwn(subject, "CN") ? subject.CN : undefined;
  return typeof name === "string" ? name : undefined;
}
