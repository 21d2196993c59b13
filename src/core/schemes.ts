/**
 * The one registry of signature schemes.
 *
 * A scheme belongs to a kind of key, never to a signature: an entry that names a method its key does not have
 * simply does not count (CVE-2015-9258). Methods as Notary writes them (notary-protocol.md 3.6).
 */
import { constants, type KeyObject, verify } from "node:crypto";
import { derOf } from "./ecdsa.ts";

/** What the bare key is, whatever it is wrapped in. */
export type KeyKind = "ecdsa" | "ed25519" | "rsa";

type Check = (key: KeyObject, message: Uint8Array, signature: Uint8Array) => boolean;

/** Bytes of one coordinate of each curve we accept; a signature is exactly two of them. */
const curves = new Map([
  ["prime256v1", 32],
  ["secp384r1", 48],
  ["secp521r1", 66],
]);

export function isAcceptedCurve(name: string | undefined): boolean {
  return name !== undefined && curves.has(name);
}

/** Method → kind of key it belongs to, and how it is checked. SHA-256 throughout, whatever the curve. */
const methods = new Map<string, { readonly kind: KeyKind; readonly check: Check }>([
  [
    "ecdsa",
    {
      kind: "ecdsa",
      check: (key, message, signature) =>
        signature.length === 2 * (curves.get(key.asymmetricKeyDetails?.namedCurve ?? "") ?? 0) &&
        verify("sha256", message, key, derOf(signature)),
    },
  ],
  [
    "eddsa",
    {
      kind: "ed25519",
      // S < L is checked by the platform (tweetnacl does not). R must not be of small order either.
      check: (key, message, signature) =>
        signature.length === 64 &&
        !isSmallOrderPoint(signature.subarray(0, 32)) &&
        verify(null, message, key, signature),
    },
  ],
  ["rsapss", { kind: "rsa", check: rsaPss }],
  ["pycrypto-pkcs#1 pss", { kind: "rsa", check: rsaPss }],
  [
    "rsapkcs1v15",
    {
      kind: "rsa",
      check: (key, message, signature) =>
        verify("sha256", message, { key, padding: constants.RSA_PKCS1_PADDING }, signature),
    },
  ],
]);

function rsaPss(key: KeyObject, message: Uint8Array, signature: Uint8Array): boolean {
  return verify(
    "sha256",
    message,
    { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
    signature,
  );
}

/**
 * Whether `signature` by `method` verifies with the key. False, not an error, for an unknown method or one of
 * another kind of key.
 */
export function verifySignature(
  kind: KeyKind,
  key: KeyObject,
  method: string,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const entry = methods.get(method.toLowerCase());
  if (entry === undefined || entry.kind !== kind) return false;
  try {
    return entry.check(key, message, signature);
  } catch {
    // OpenSSL throws on some signatures that cannot be read; such a signature does not verify.
    return false;
  }
}

/**
 * The encodings of the eight points of small order, with and without the sign bit, canonical or not. With such
 * a key (or such an R) one signature fits many messages.
 */
const smallOrderPoints = new Set(
  [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  ].flatMap((hex) => {
    const last = Number.parseInt(hex.slice(62), 16);
    return [hex, hex.slice(0, 62) + (last ^ 0x80).toString(16).padStart(2, "0")];
  }),
);

/** Whether 32 bytes encode an Ed25519 point of small order. */
export function isSmallOrderPoint(point: Uint8Array): boolean {
  return smallOrderPoints.has(Buffer.from(point).toString("hex"));
}
