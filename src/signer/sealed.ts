/**
 * The signer that keeps its keys in the store, sealed.
 *
 * - A key exists in the clear only as a `KeyObject` inside this module and, for an instant, as PKCS#8 bytes
 *   that are then wiped.
 * - The secret is used once, at opening; what stays in memory is the data key it unlocked.
 * - node:crypto makes keys and signatures; tweetnacl only seals.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  sign as signWithCallback,
} from "node:crypto";
import { promisify } from "node:util";
import { LRUCache } from "lru-cache";
import { rawOf } from "../core/ecdsa.ts";
import { SignerError } from "../core/errors.ts";
import { openRecord } from "./sealed/record.ts";
import { damaged, type KeyIdentity, openKey, sealKey } from "./sealed/reference.ts";
import type { Secret } from "./secret.ts";
import type { GeneratedKey, KeyBinding, OnlineAlgorithm, Signer, SigningKey } from "./signer.ts";

export { exchangeSecret, unlock } from "./sealed/exchange.ts";
export { createSealedRecord } from "./sealed/record.ts";

/** Opened keys kept at hand. */
const maxOpened = 1_000;

const generatePair = promisify(generateKeyPair);

export interface SealedOptions {
  readonly secret: Secret;
  /** As `createSealedRecord` made it and the store kept it (`Store.keyring`). */
  readonly record: Uint8Array;
}

/** Rejects with `WRONG_SECRET`, or `SEALED_KEY_DAMAGED` if the record itself is no good. */
export async function openSealed({ secret, record }: SealedOptions): Promise<Signer> {
  return new SealedSigner(await openRecord(secret, record));
}

interface OpenedKey extends KeyIdentity {
  readonly privateKey: KeyObject;
}

class SealedSigner implements Signer {
  readonly #dataKey: Uint8Array;
  /** By the digest of the reference; what the caller claims is compared at every use. */
  readonly #opened = new LRUCache<string, OpenedKey>({ max: maxOpened });
  #closed = false;

  constructor(dataKey: Uint8Array) {
    this.#dataKey = dataKey;
  }

  async generate(algorithm: OnlineAlgorithm, binding: KeyBinding): Promise<GeneratedKey> {
    this.#checkOpen();
    const pair = await makePair(algorithm);
    this.#checkOpen();
    const publicKey = publicBytes(algorithm, pair.publicKey);
    const identity = { repository: binding.repository, role: binding.role, keytype: algorithm, publicKey };
    const pkcs8 = pair.privateKey.export({ format: "der", type: "pkcs8" });
    try {
      return { keytype: algorithm, publicKey, reference: sealKey(identity, pkcs8, this.#dataKey) };
    } finally {
      pkcs8.fill(0);
    }
  }

  async adopt(privateKey: Uint8Array, binding: KeyBinding): Promise<GeneratedKey> {
    this.#checkOpen();
    const key = readForeign(privateKey);
    const keytype = key.asymmetricKeyType === "ec" ? "ecdsa" : "ed25519";
    const publicKey = publicBytes(keytype, createPublicKey(key));
    const identity = { repository: binding.repository, role: binding.role, keytype, publicKey };
    // Written anew: what else was in the file does not come along.
    const pkcs8 = key.export({ format: "der", type: "pkcs8" });
    try {
      return { keytype, publicKey, reference: sealKey(identity, pkcs8, this.#dataKey) };
    } finally {
      pkcs8.fill(0);
    }
  }

  async sign(key: SigningKey, message: Uint8Array): Promise<Uint8Array> {
    this.#checkOpen();
    const { privateKey, keytype } = this.#open(key);
    return keytype === "ecdsa" ? signEcdsa(privateKey, message) : signEd25519(privateKey, message);
  }

  async check(): Promise<void> {
    this.#checkOpen();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#opened.clear();
    this.#dataKey.fill(0);
  }

  #checkOpen(): void {
    if (this.#closed) throw new SignerError("SIGNER_UNAVAILABLE", "The signer is closed.");
  }

  #open(key: SigningKey): OpenedKey {
    const id = createHash("sha256").update(key.reference).digest("base64");
    const known = this.#opened.get(id);
    if (known !== undefined) {
      if (!sameIdentity(known, key)) throw damaged();
      return known;
    }
    const pkcs8 = openKey(key, this.#dataKey);
    try {
      const privateKey = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
      const { repository, role, keytype } = key;
      const opened = { repository, role, keytype, publicKey: Uint8Array.from(key.publicKey), privateKey };
      this.#opened.set(id, opened);
      return opened;
    } finally {
      pkcs8.fill(0);
    }
  }
}

/** No private key has more bytes. */
const longestForeign = 4_096;

function readForeign(pkcs8: Uint8Array): KeyObject {
  let key: KeyObject | undefined;
  try {
    if (pkcs8.length <= longestForeign) {
      const der = Buffer.from(pkcs8.buffer, pkcs8.byteOffset, pkcs8.byteLength);
      key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
    }
  } catch {
    // Told below; what the platform says of it might repeat some of it.
  }
  const isP256 = key?.asymmetricKeyDetails?.namedCurve === "prime256v1";
  if (key !== undefined && (isP256 || key.asymmetricKeyType === "ed25519")) return key;
  throw new SignerError(
    "KEY_UNSUITABLE",
    "A key that is to be taken in must be the PKCS#8 of a P-256 or an Ed25519 key.",
  );
}

async function makePair(algorithm: OnlineAlgorithm) {
  try {
    return algorithm === "ecdsa"
      ? await generatePair("ec", { namedCurve: "P-256" })
      : await generatePair("ed25519", undefined);
  } catch (cause) {
    throw new SignerError("SIGNER_UNAVAILABLE", "The signer could not make a key.", { cause });
  }
}

function publicBytes(algorithm: OnlineAlgorithm, key: KeyObject): Uint8Array {
  const spki = Uint8Array.from(key.export({ format: "der", type: "spki" }));
  // An Ed25519 SubjectPublicKeyInfo ends with the 32 raw bytes (RFC 8410, section 4).
  return algorithm === "ecdsa" ? spki : spki.slice(-32);
}

function sameIdentity(a: KeyIdentity, b: KeyIdentity): boolean {
  return (
    a.repository === b.repository &&
    a.role === b.role &&
    a.keytype === b.keytype &&
    Buffer.compare(a.publicKey, b.publicKey) === 0
  );
}

/** By P-256: `makePair`. */
async function signEcdsa(key: KeyObject, message: Uint8Array): Promise<Uint8Array> {
  return rawOf(await runSign("sha256", key, message), 32);
}

function signEd25519(key: KeyObject, message: Uint8Array): Promise<Uint8Array> {
  return runSign(null, key, message);
}

/** In the thread pool, so that signing does not hold up whoever reads. */
function runSign(digest: string | null, key: KeyObject, message: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    signWithCallback(digest, message, key, (cause, signature) => {
      if (cause === null) resolve(signature);
      else reject(new SignerError("SIGNER_UNAVAILABLE", "The signer could not sign.", { cause }));
    });
  });
}
