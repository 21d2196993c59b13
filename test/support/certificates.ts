/** Certificates of every good and bad kind, made on the spot. */
// The certificate library wants this loaded before it.
import "reflect-metadata";
import { createPublicKey, type KeyObject, type webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

export interface CertificateWish {
  /** The key certified, and the key that signs unless `issuer` is given. */
  readonly key: KeyObject;
  /** CNs of the subject, one RDN each. */
  readonly cn: readonly string[];
  readonly issuer?: { readonly key: KeyObject; readonly cn: string };
  /** Milliseconds since 1970 UTC. Default: 2020 to 2040. */
  readonly from?: number;
  readonly to?: number;
  readonly ca?: boolean;
  /** Object identifiers of what it is for; without, it does not say. */
  readonly usages?: readonly string[];
  readonly hash?: "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512";
}

let serial = 0;

/** One PEM block with its final newline. No two have the same serial number. */
export async function certificate(wish: CertificateWish): Promise<string> {
  const { key, cn, issuer, ca = false, usages, hash = "SHA-256" } = wish;
  const made = await x509.X509CertificateGenerator.create({
    serialNumber: (++serial).toString(16).padStart(8, "0"),
    subject: cn.map((name) => ({ CN: [name] })),
    issuer: issuer === undefined ? cn.map((name) => ({ CN: [name] })) : [{ CN: [issuer.cn] }],
    notBefore: new Date(wish.from ?? Date.UTC(2020)),
    notAfter: new Date(wish.to ?? Date.UTC(2040)),
    signingAlgorithm: algorithmOf(key, hash),
    publicKey: await imported(createPublicKey(key), hash, "verify"),
    signingKey: await imported(issuer?.key ?? key, hash, "sign"),
    extensions: [
      new x509.BasicConstraintsExtension(ca, undefined, true),
      ...(usages === undefined ? [] : [new x509.ExtendedKeyUsageExtension([...usages])]),
    ],
  });
  return `${made.toString("pem")}\n`;
}

/** The text of `keyval.public` for a bundle. */
export function bundle(...blocks: readonly string[]): string {
  return Buffer.from(blocks.join(""), "latin1").toString("base64");
}

function algorithmOf(key: KeyObject, hash: string): { name: string; hash: string; namedCurve?: string } {
  switch (key.asymmetricKeyType) {
    case "ec":
      return { name: "ECDSA", namedCurve: "P-256", hash };
    case "rsa":
      return { name: "RSASSA-PKCS1-v1_5", hash };
    default:
      return { name: "Ed25519", hash };
  }
}

async function imported(key: KeyObject, hash: string, use: "sign" | "verify"): Promise<webcrypto.CryptoKey> {
  const type = use === "sign" ? "pkcs8" : "spki";
  const der = key.export({ format: "der", type } as { format: "der"; type: "spki" });
  return globalThis.crypto.subtle.importKey(type, der, algorithmOf(key, hash), true, [use]);
}
