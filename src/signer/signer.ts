/**
 * The signer contract: something that signs bytes with keys it never gives out.
 *
 * It knows keys by an opaque `reference` that it handed out itself and that the store keeps beside the
 * public key. It knows the name of the repository and role only to bind a key to them: a reference moved to
 * another row must not open. It cannot list, export or delete keys. `test/contract/signer.ts` is this text
 * as tests, run against every back end.
 *
 * **Concurrency.** Any number of calls at once.
 * **Secrets.** No private key, passphrase or secret ever appears in an error, a log line or the result.
 * **Errors.** Only `SignerError`: `SIGNER_UNAVAILABLE` (try later), `SEALED_KEY_DAMAGED` (the reference was
 * altered, belongs to another key, or was sealed under another secret). Opening a signer may give
 * `WRONG_SECRET` or `BAD_SECRET`, `adopt` also `KEY_UNSUITABLE`.
 */

export type OnlineAlgorithm = "ecdsa" | "ed25519";

export interface KeyBinding {
  readonly repository: string;
  readonly role: string;
}

/** A public key as metadata carries it, with the reference that signs for it. */
export interface GeneratedKey {
  readonly keytype: OnlineAlgorithm;
  /** `ecdsa`: SubjectPublicKeyInfo DER of a P-256 key. `ed25519`: 32 raw bytes. */
  readonly publicKey: Uint8Array;
  readonly reference: Uint8Array;
}

export interface SigningKey extends KeyBinding {
  readonly keytype: string;
  /** As in `GeneratedKey`: what the caller believes this key to be; compared after opening. */
  readonly publicKey: Uint8Array;
  readonly reference: Uint8Array;
}

export interface Signer {
  /** A new key of the given algorithm, bound to a repository and role. */
  generate(algorithm: OnlineAlgorithm, binding: KeyBinding): Promise<GeneratedKey>;

  /**
   * Takes in a key that somebody else made: PKCS#8 DER of a P-256 or an Ed25519 key, which the caller wipes. It is bound and
   * kept as one of its own, and is as little given out. Rejects with `KEY_UNSUITABLE` for anything else.
   */
  adopt(privateKey: Uint8Array, binding: KeyBinding): Promise<GeneratedKey>;

  /**
   * Signs `message` (the whole message, not a digest). `ecdsa`: SHA-256, fixed-width r‖s, 64 bytes.
   * `ed25519`: 64 bytes.
   */
  sign(key: SigningKey, message: Uint8Array): Promise<Uint8Array>;

  /** Rejects with `SIGNER_UNAVAILABLE` if signing would fail for reasons of the signer's own. */
  check(): Promise<void>;

  /** Forgets opened keys. Idempotent. */
  close(): Promise<void>;
}
