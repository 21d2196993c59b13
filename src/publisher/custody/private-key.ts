/**
 * Private keys in memory: made, described as metadata lists them, and signing.
 *
 * Only keys that `core` verifies with are taken: ECDSA on P-256, P-384 or P-521, Ed25519, RSA within the bounds. The
 * engine holds the private part; it leaves this process as PKCS#8 alone, which whoever asks for it wipes.
 */
import { constants, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { MalformedError } from "../../core/errors.ts";
import { type ListedKey, notaryKeyId, openKey, type UsableKey } from "../../core/keys.ts";
import { verifySignature } from "../../core/schemes.ts";
import type { KeyAlgorithm, MadeSignature, OpenKey, OpenKeyInfo } from "./custody.ts";
import { KeyError } from "./errors.ts";

/** What can be made here. RSA keys are read and used, not made. */
export type NewAlgorithm = "ecdsa" | "ed25519";

/** ECDSA on P-256: the one curve that every client of Notary makes and reads. */
export function makePrivateKey(algorithm: NewAlgorithm): KeyObject {
  return algorithm === "ecdsa"
    ? generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey
    : generateKeyPairSync("ed25519").privateKey;
}

/** A key without a certificate around it: its type is its algorithm. */
export type ListedBareKey = ListedKey & { readonly keytype: KeyAlgorithm };

/** The bare public key as metadata lists it. Throws `KEY_UNSUPPORTED` for one that no signature would count of. */
export function listedOf(privateKey: KeyObject): ListedBareKey {
  const keytype = algorithmOf(privateKey);
  const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
  // An Ed25519 SubjectPublicKeyInfo ends with the 32 raw bytes (RFC 8410, section 4).
  const text = (keytype === "ed25519" ? spki.subarray(-32) : spki).toString("base64");
  const listed = { id: notaryKeyId(keytype, text), keytype, public: text };
  usable(listed);
  return listed;
}

function algorithmOf(key: KeyObject): KeyAlgorithm {
  switch (key.asymmetricKeyType) {
    case "ec":
      return "ecdsa";
    case "ed25519":
      return "ed25519";
    case "rsa":
      return "rsa";
    default:
      throw new KeyError(
        "KEY_UNSUPPORTED",
        `A key of the type ${key.asymmetricKeyType ?? "that this is"} signs nothing here: use ECDSA, Ed25519 or RSA.`,
      );
  }
}

function usable(listed: ListedKey): UsableKey {
  try {
    const key = openKey(listed);
    if (key !== undefined) return key;
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    const why = error.message.replace(/^A public key /, "").replace(/; replace it\.$/, "");
    throw new KeyError("KEY_UNSUPPORTED", `This key ${why}, so no signature of it counts: use another.`);
  }
  throw new KeyError("KEY_UNSUPPORTED", `A key of the type ${listed.keytype} signs nothing here.`);
}

/** A key that signs until it is closed. `info.listed` is the private key's own. */
export function openedKey(info: OpenKeyInfo, privateKey: KeyObject): OpenKey {
  const verifier = usable(info.listed);
  let key: KeyObject | undefined = privateKey;
  return {
    info,
    async sign(message, what) {
      if (key === undefined) throw new KeyError("KEY_CLOSED", `The key ${info.id} is closed: open it again.`);
      const made = signWith(key, verifier.kind, message, what === "certificate");
      if (!verifySignature(verifier.kind, verifier.key, made.method, message, made.bytes)) {
        throw new TypeError("a signature that was made does not verify");
      }
      return made;
    },
    close() {
      key = undefined;
    },
  };
}

function signWith(
  key: KeyObject,
  kind: KeyAlgorithm,
  message: Uint8Array,
  isCertificate: boolean,
): MadeSignature {
  switch (kind) {
    case "ecdsa":
      return { method: "ecdsa", bytes: sign("sha256", message, { key, dsaEncoding: "ieee-p1363" }) };
    case "ed25519":
      return { method: "eddsa", bytes: sign(null, message, key) };
    case "rsa":
      if (isCertificate) {
        const padding = constants.RSA_PKCS1_PADDING;
        return { method: "rsapkcs1v15", bytes: sign("sha256", message, { key, padding }) };
      }
      return {
        method: "rsapss",
        bytes: sign("sha256", message, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }),
      };
  }
}
