/**
 * Makes the server's own CA and its certificates: ECDSA P-256, random serial numbers, as RFC 5280 and the Go clients
 * want them (names in subjectAltName only, key usages critical, CA with path length 0).
 */
import { type KeyObject, webcrypto } from "node:crypto";
import { isIP } from "node:net";
// @peculiar/x509 finds its own parts through this polyfill and must be loaded after it.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const day = 86_400_000;
const authorityLifetime = 3_652 * day;
const serverLifetime = 397 * day;
/** Clocks of clients may be behind ours. */
const backdated = day;

x509.cryptoProvider.set(webcrypto);

/** A certificate with its private key, both PEM. */
export interface Issued {
  readonly certificate: string;
  readonly key: string;
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
}

async function toPem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}

function alternativeNames(names: readonly string[]): x509.SubjectAlternativeNameExtension {
  return new x509.SubjectAlternativeNameExtension(
    names.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value })),
  );
}

/** True if the certificate (DER) carries exactly these names, in this order. */
export function hasNames(certificate: Uint8Array, names: readonly string[]): boolean {
  const present = new x509.X509Certificate(new Uint8Array(certificate)).getExtension(
    x509.SubjectAlternativeNameExtension,
  );
  return present !== null && Buffer.from(present.value).equals(Buffer.from(alternativeNames(names).value));
}

/** A new CA, valid for ten years from `now` (milliseconds since 1970). */
export async function makeAuthority(now: number): Promise<Issued> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=Vidimus CA",
    keys,
    signingAlgorithm: algorithm,
    notBefore: new Date(now - backdated),
    notAfter: new Date(now + authorityLifetime),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: `${certificate.toString("pem")}\n`, key: `${await toPem(keys.privateKey)}\n` };
}

/**
 * A new server certificate under the CA, valid for 397 days from `now`, or until the CA ends if that is sooner.
 * `names`: host names and addresses, at least one.
 */
export async function issueServerCertificate(
  authority: { readonly certificate: string; readonly key: KeyObject },
  names: readonly string[],
  now: number,
): Promise<Issued> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    subject: "CN=Vidimus server",
    issuer: issuer.subjectName,
    publicKey: keys.publicKey,
    signingKey: await webcrypto.subtle.importKey(
      "pkcs8",
      new Uint8Array(authority.key.export({ type: "pkcs8", format: "der" })),
      algorithm,
      false,
      ["sign"],
    ),
    signingAlgorithm: algorithm,
    notBefore: new Date(now - backdated),
    notAfter: new Date(Math.min(now + serverLifetime, issuer.notAfter.getTime())),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      alternativeNames(names),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { certificate: `${certificate.toString("pem")}\n`, key: `${await toPem(keys.privateKey)}\n` };
}
