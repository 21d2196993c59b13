/**
 * Public keys: what they are, what they are called, and when two are the same.
 *
 * - **key ID**: as the format computes it over the key object; a label that must be true.
 * - **canonical key ID**: Notary's ID of the bare key inside a certificate (notary-protocol.md 3.5); for bare
 *   keys the same as the key ID.
 * - **material**: identity of the mathematical key, whatever it is wrapped in or however it is encoded. Thresholds
 *   count materials, so two certificates of one key, or one key as DER and PEM, are one.
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import { decodeBase64, sha256Hex } from "./bytes.ts";
import { canonicalBytes } from "./canonical.ts";
import { type CertificateBundle, isWeaklySigned, parseCertificates } from "./certificates.ts";
import { MalformedError } from "./errors.ts";
import { maxPublicKey, maxRsaBits, minRsaBits } from "./limits.ts";
import { isAcceptedCurve, isSmallOrderPoint, type KeyKind } from "./schemes.ts";

/** A key as it stands in a file, its ID already checked against its content. */
export interface ListedKey {
  readonly id: string;
  readonly keytype: string;
  /** Exactly the text of `keyval.public`. */
  readonly public: string;
}

/** A key that can verify. */
export interface UsableKey extends ListedKey {
  readonly kind: KeyKind;
  readonly key: KeyObject;
  readonly material: string;
  readonly canonicalId: string;
  readonly certificates: CertificateBundle | undefined;
}

/** Notary's key ID: SHA-256 over the canonical key object with `private` null (notary-protocol.md 3.5). */
export function notaryKeyId(keytype: string, publicText: string): string {
  return sha256Hex(canonicalBytes({ keytype, keyval: { private: null, public: publicText } }));
}

/** The ID by which a listed key is known whatever it is wrapped in; one of a type that we do not know is known by its own. */
export function canonicalKeyId(listed: ListedKey): string {
  return openKey(listed)?.canonicalId ?? listed.id;
}

const kinds = new Map<string, { readonly kind: KeyKind; readonly certificate: boolean }>([
  ["ecdsa", { kind: "ecdsa", certificate: false }],
  ["ecdsa-x509", { kind: "ecdsa", certificate: true }],
  ["ed25519", { kind: "ed25519", certificate: false }],
  ["rsa", { kind: "rsa", certificate: false }],
  ["rsa-x509", { kind: "rsa", certificate: true }],
]);

/** Keys opened before. The answer depends on the key's text alone, so remembering it changes nothing but cost. */
const opened = new Map<string, UsableKey>();
/** The same by the file's own object, for as long as the file lives: no key of a file is opened twice. */
const openedOf = new WeakMap<ListedKey, UsableKey>();
const mostOpened = 1_024;
const largestRemembered = 4_096;

/**
 * Opens a key for verification. Undefined for a key type we do not know: such a key is carried and never counts.
 * Throws `BAD_KEY` for a known type with content that is weak, of another type, or not a key.
 */
export function openKey(listed: ListedKey): UsableKey | undefined {
  const here = openedOf.get(listed);
  if (here !== undefined) return here;
  const type = kinds.get(listed.keytype);
  if (type === undefined) return undefined;
  const usable = openOrRecall(listed, type.kind, type.certificate);
  openedOf.set(listed, usable);
  return usable;
}

function openOrRecall(listed: ListedKey, kind: KeyKind, certificate: boolean): UsableKey {
  const cacheKey = `${listed.keytype} ${listed.public}`;
  const known = opened.get(cacheKey);
  if (known !== undefined) return known;
  const usable = open(listed, kind, certificate);
  if (cacheKey.length <= largestRemembered) {
    if (opened.size >= mostOpened) opened.delete(opened.keys().next().value as string);
    opened.set(cacheKey, usable);
  }
  return usable;
}

function open(listed: ListedKey, kind: KeyKind, certificate: boolean): UsableKey {
  if (listed.public.length > maxPublicKey) throw badKey(`is larger than ${maxPublicKey} characters`);
  const content = decodeBase64(listed.public, "public key");
  const certificates = certificate ? parseCertificates(content.toString("latin1")) : undefined;
  if (certificates !== undefined && isWeaklySigned(certificates.leaf)) {
    throw badKey("is a certificate signed with a hash older than SHA-2");
  }
  const key = certificates === undefined ? bareKey(kind, content) : certifiedKey(certificates);
  checkStrength(kind, key);
  return Object.freeze({
    ...listed,
    kind,
    key,
    certificates,
    material: material(key),
    canonicalId: certificates === undefined ? listed.id : bareKeyId(kind, key),
  });
}

/** The one PEM block an old RSA key may be. Of a private key or a certificate the platform would take the public part. */
const publicPem = /^-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\r\n]+-----END PUBLIC KEY-----[\r\n]*$/;

function certifiedKey({ leaf }: CertificateBundle): KeyObject {
  try {
    return leaf.publicKey;
  } catch (cause) {
    throw badKey("cannot be read", cause);
  }
}

function bareKey(kind: KeyKind, content: Buffer): KeyObject {
  try {
    if (kind === "ed25519") {
      if (content.length !== 32) throw badKey("is not 32 bytes long");
      return createPublicKey({
        key: { kty: "OKP", crv: "Ed25519", x: content.toString("base64url") },
        format: "jwk",
      });
    }
    const text = content.toString("latin1");
    if (kind === "rsa" && publicPem.test(text)) return createPublicKey({ key: text, format: "pem" });
    return createPublicKey({ key: content, format: "der", type: "spki" });
  } catch (cause) {
    if (cause instanceof MalformedError) throw cause;
    throw badKey("cannot be read", cause);
  }
}

function checkStrength(kind: KeyKind, key: KeyObject): void {
  const details = key.asymmetricKeyDetails;
  switch (kind) {
    case "ecdsa":
      if (key.asymmetricKeyType !== "ec") throw badKey("is not of the type it says");
      if (!isAcceptedCurve(details?.namedCurve)) throw badKey("is not on P-256, P-384 or P-521");
      return;
    case "ed25519":
      if (key.asymmetricKeyType !== "ed25519") throw badKey("is not of the type it says");
      if (isSmallOrderPoint(Buffer.from(key.export({ format: "jwk" }).x as string, "base64url"))) {
        throw badKey("is a point of small order, for which anybody can sign");
      }
      return;
    case "rsa": {
      if (key.asymmetricKeyType !== "rsa") throw badKey("is not of the type it says");
      const bits = details?.modulusLength ?? 0;
      if (bits < minRsaBits || bits > maxRsaBits)
        throw badKey(`has ${bits} bits; use ${minRsaBits} to ${maxRsaBits}`);
      if ((details?.publicExponent ?? 0n) < 65_537n) throw badKey("has a public exponent below 65537");
    }
  }
}

/** The same text for the same mathematical key: a JWK holds numbers, not encodings. */
function material(key: KeyObject): string {
  const { kty, crv, x, y, n, e } = key.export({ format: "jwk" });
  return sha256Hex([kty, crv, x, y, n, e].map((part) => part ?? "").join("|"));
}

function bareKeyId(kind: KeyKind, key: KeyObject): string {
  const content =
    kind === "ed25519"
      ? Buffer.from(key.export({ format: "jwk" }).x as string, "base64url")
      : key.export({ format: "der", type: "spki" });
  return notaryKeyId(kind, content.toString("base64"));
}

function badKey(what: string, cause?: unknown): MalformedError {
  return new MalformedError("BAD_KEY", `A public key ${what}; replace it.`, { cause });
}
