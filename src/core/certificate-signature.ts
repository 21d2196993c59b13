/**
 * By which algorithm a certificate is signed: Node tells it from 24.9 on, and clients run on older ones.
 *
 * `Certificate ::= SEQUENCE { tbsCertificate SEQUENCE, signatureAlgorithm SEQUENCE { algorithm OBJECT IDENTIFIER, … }, … }`
 * (RFC 5280, 4.1). Whatever is not written so in DER has no algorithm.
 */

const sequence = 0x30;
const objectIdentifier = 0x06;

/** `der`: the whole certificate. The content octets of the identifier in hex. */
export function signatureAlgorithm(der: Uint8Array): string | undefined {
  const certificate = contents(der, sequence);
  const signed = certificate && contents(certificate.inside, sequence);
  const algorithm = signed && contents(signed.behind, sequence);
  const identifier = algorithm && contents(algorithm.inside, objectIdentifier);
  return identifier && Buffer.from(identifier.inside).toString("hex");
}

interface Contents {
  readonly inside: Uint8Array;
  readonly behind: Uint8Array;
}

/** What is in the first element of some bytes, and what follows it; undefined if it is not of this tag or is cut. */
function contents(bytes: Uint8Array, tag: number): Contents | undefined {
  const [found, first = 0x80] = bytes;
  // 0x80 alone is a length that is told at the end, which DER does not have; more than 4 octets nobody needs.
  const octets = first < 0x80 ? 0 : first - 0x80;
  if (found !== tag || first === 0x80 || octets > 4) return undefined;
  const begin = 2 + octets;
  const length = first < 0x80 ? first : bytes.subarray(2, begin).reduce((sum, octet) => sum * 256 + octet, 0);
  if (bytes.length < begin + length) return undefined;
  return { inside: bytes.subarray(begin, begin + length), behind: bytes.subarray(begin + length) };
}
