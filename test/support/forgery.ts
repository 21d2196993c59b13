/** Files that no honest program makes: signatures rearranged, keys in other wrappings, certificates of any kind. */
import "reflect-metadata";
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import * as x509 from "@peculiar/x509";
import { bareKey, certificateKey, type PublisherKey } from "./bare/keys.ts";
import { listed } from "./publisher.ts";

export interface SignatureJson {
  readonly keyid: string;
  readonly method: string;
  readonly sig: string;
}

/** The file with other signatures; the signed part stays as it is. */
export function withSignatures(
  file: Uint8Array,
  edit: (signatures: readonly SignatureJson[]) => readonly object[],
): Buffer {
  const { signed, signatures } = JSON.parse(Buffer.from(file).toString("utf8"));
  return Buffer.from(JSON.stringify({ signed, signatures: edit(signatures) }), "utf8");
}

/** The same hand under another listed key. */
export function wrapped(signer: PublisherKey, keytype: string, publicText: string): PublisherKey {
  const key = listed(keytype, publicText);
  return { listed: key, sign: (message) => ({ ...signer.sign(message), keyId: key.id }) };
}

/** A P-256 key whose point is written compressed. */
export function compressed(privateKey: KeyObject): PublisherKey {
  const { x = "", y = "" } = privateKey.export({ format: "jwk" });
  const odd = ((Buffer.from(y, "base64url").at(-1) ?? 0) & 1) === 1;
  const header = Buffer.from("3039301306072a8648ce3d020106082a8648ce3d030107032200", "hex");
  const point = Buffer.concat([Buffer.from([odd ? 3 : 2]), Buffer.from(x, "base64url")]);
  return wrapped(bareKey(privateKey), "ecdsa", Buffer.concat([header, point]).toString("base64"));
}

let rsa: KeyObject | undefined;

/** One RSA key for all tests: making them is slow. */
export function rsaKey(): KeyObject {
  rsa ??= generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey;
  return rsa;
}

/** The key as text: PEM or DER, SubjectPublicKeyInfo or PKCS#1. */
export function rsaForm(form: "pem" | "der", type: "spki" | "pkcs1"): PublisherKey {
  const content = createPublicKey(rsaKey()).export({ format: form, type } as { format: "pem"; type: "spki" });
  return wrapped(bareKey(rsaKey()), "rsa", Buffer.from(content).toString("base64"));
}

export interface CertificateOptions {
  readonly name?: string;
  readonly ca?: boolean;
  readonly from?: number;
  readonly to?: number;
  readonly hash?: "SHA-256" | "SHA-1";
  /** Give it name constraints: only names below `example.org`. */
  readonly constrained?: boolean;
  /** Who signs it; itself without. */
  readonly issuer?: Certificate;
}

export interface Certificate {
  readonly key: KeyObject;
  readonly name: string;
  readonly pem: string;
}

/** NameConstraints with one permitted subtree, a DNS name. */
const belowExampleOrg = Buffer.from("3011a00f300d820b6578616d706c652e6f7267", "hex");

/** A certificate with a P-256 key of its own, or the one given. */
export async function makeCertificate(
  at: number,
  {
    name = "example.org",
    ca = false,
    from,
    to,
    hash = "SHA-256",
    constrained = false,
    issuer,
  }: CertificateOptions,
  key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
): Promise<Certificate> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash };
  const { subtle } = globalThis.crypto;
  const signer = issuer?.key ?? key;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomBytes(8).toString("hex"),
    subject: [{ CN: [name] }],
    issuer: [{ CN: [issuer?.name ?? name] }],
    notBefore: new Date(from ?? at - 60_000),
    notAfter: new Date(to ?? at + 365 * 86_400_000),
    signingAlgorithm: algorithm,
    signingKey: await subtle.importKey(
      "pkcs8",
      signer.export({ format: "der", type: "pkcs8" }),
      algorithm,
      false,
      ["sign"],
    ),
    publicKey: await subtle.importKey(
      "spki",
      createPublicKey(key).export({ format: "der", type: "spki" }),
      algorithm,
      true,
      ["verify"],
    ),
    extensions: [
      new x509.BasicConstraintsExtension(ca, undefined, true),
      ...(constrained ? [new x509.Extension("2.5.29.30", true, belowExampleOrg)] : []),
    ],
  });
  return { key, name, pem: `${certificate.toString("pem")}\n` };
}

/** A root key of the first certificate, with all of them in its bundle. */
export function bundleKey(...[leaf, ...rest]: readonly [Certificate, ...Certificate[]]): PublisherKey {
  return certificateKey(leaf.key, [leaf, ...rest].map(({ pem }) => pem).join(""));
}

/** The same private key, to be wrapped another way. */
export function again(key: KeyObject): KeyObject {
  return createPrivateKey(key.export({ format: "pem", type: "pkcs8" }));
}
