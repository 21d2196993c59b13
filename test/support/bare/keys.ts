/** Keys of people: made, read, and turned into what metadata lists. */
// The certificate library wants this loaded before it.
import "reflect-metadata";
import {
  constants,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";
import * as x509 from "@peculiar/x509";
import { type ListedKey, notaryKeyId } from "../../../src/core/keys.ts";
import type { SignatureEntry } from "../../../src/core/model.ts";

/** Somebody who can sign: the key as files list it, and the hand that signs. */
export interface PublisherKey {
  readonly listed: ListedKey;
  /** Signs a canonical message as this key. */
  sign(message: Uint8Array): SignatureEntry;
}

const tenYears = 3_650 * 86_400_000;

/** A new private key. */
export function generatePrivateKey(kind: "ecdsa" | "ed25519"): KeyObject {
  return kind === "ecdsa"
    ? generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey
    : generateKeyPairSync("ed25519").privateKey;
}

/** An unencrypted PKCS#8 PEM. */
export function readPrivateKey(pem: string): KeyObject {
  return createPrivateKey(pem);
}

/** The key itself, as every role but a Notary root lists it. */
export function bareKey(privateKey: KeyObject): PublisherKey {
  const jwk = privateKey.export({ format: "jwk" });
  const type = keytypeOf(privateKey);
  const content =
    type === "ed25519" ? Buffer.from(jwk.x as string, "base64url") : Buffer.from(publicDer(privateKey));
  return publisherKey(privateKey, type, content.toString("base64"));
}

/** The key in a certificate, as a Notary root lists it. `pem`: the leaf, then any intermediates. */
export function certificateKey(privateKey: KeyObject, pem: string): PublisherKey {
  return publisherKey(
    privateKey,
    `${keytypeOf(privateKey)}-x509`,
    Buffer.from(pem, "latin1").toString("base64"),
  );
}

/**
 * A self-signed certificate for a root key as the stock client makes it (notary-protocol.md 7.4): CN is the
 * repository, ten years, code signing.
 */
export async function makeRootCertificate(
  privateKey: KeyObject,
  repository: string,
  now: Date,
): Promise<string> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const pkcs8 = privateKey.export({ format: "der", type: "pkcs8" });
  const spki = publicDer(privateKey);
  const { subtle } = globalThis.crypto;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: Buffer.from(globalThis.crypto.getRandomValues(new Uint8Array(16))).toString("hex"),
    name: [{ CN: [repository] }],
    notBefore: new Date(now.getTime() - 60_000),
    notAfter: new Date(now.getTime() + tenYears),
    signingAlgorithm: algorithm,
    keys: {
      privateKey: await subtle.importKey("pkcs8", pkcs8, algorithm, false, ["sign"]),
      publicKey: await subtle.importKey("spki", spki, algorithm, true, ["verify"]),
    },
    extensions: [
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment,
        true,
      ),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.codeSigning]),
      new x509.BasicConstraintsExtension(false, undefined, true),
    ],
  });
  return `${certificate.toString("pem")}\n`;
}

function publisherKey(privateKey: KeyObject, keytype: string, publicText: string): PublisherKey {
  const listed = { id: notaryKeyId(keytype, publicText), keytype, public: publicText };
  return {
    listed,
    sign: (message) => ({
      keyId: listed.id,
      method: methods[keytypeOf(privateKey)],
      signature: signBytes(privateKey, message),
    }),
  };
}

const methods = { ecdsa: "ecdsa", ed25519: "eddsa", rsa: "rsapss" } as const;

function keytypeOf(key: KeyObject): keyof typeof methods {
  switch (key.asymmetricKeyType) {
    case "ec":
      return "ecdsa";
    case "ed25519":
      return "ed25519";
    case "rsa":
      return "rsa";
    default:
      throw new TypeError("use an ECDSA, Ed25519 or RSA key");
  }
}

function publicDer(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ format: "der", type: "spki" });
}

function signBytes(key: KeyObject, message: Uint8Array): Buffer {
  switch (keytypeOf(key)) {
    case "ecdsa":
      return sign("sha256", message, { key, dsaEncoding: "ieee-p1363" });
    case "ed25519":
      return sign(null, message, key);
    case "rsa":
      return sign("sha256", message, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 });
  }
}
