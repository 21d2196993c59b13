/**
 * Custody: where the private keys of people are, and how one is opened for signing. The contract of every back end: key
 * files, an ssh-agent, a PKCS#11 token. `test/contract/custody.ts` is this text as tests.
 *
 * A key is called by its bare key ID (notary-protocol.md 3.5), whatever it is wrapped in and wherever it is, so that one
 * key is one key for people, thresholds and stock clients alike.
 *
 * **Listing opens nothing**: no passphrase or PIN is asked for, nothing is unlocked, nothing is written.
 * **Opening** asks for a passphrase or PIN through `Unlocking` and only there; never from an argument of the command line.
 * **Secrets.** No private key, passphrase or PIN appears in an error, a log line or a result; what was read is wiped.
 * **Bounds.** Counts, file sizes and the time of a peer (agent, token) are bounded; a peer that hangs is a refusal.
 * **Errors.** Only `KeyError`. A refusal leaves nothing behind.
 */
import type { ListedKey } from "../../core/keys.ts";
import type { KeyError } from "./errors.ts";

export type KeyAlgorithm = "ecdsa" | "ed25519" | "rsa";

/** What is known of a key without opening it. */
export interface KeyInfo {
  /** Bare key ID: 64 lower-case hex digits. */
  readonly id: string;
  /** Undefined where a locked file does not say it, as `listed`. */
  readonly algorithm: KeyAlgorithm | undefined;
  /**
   * The public key as every role but a Notary root lists it. Undefined where a locked file does not say it: an encrypted
   * key file of the stock clients names its key by ID only.
   */
  readonly listed: ListedKey | undefined;
  /** What people call it here; empty without a name. */
  readonly name: string;
  /** What it was made for, where that is known: `root`, `targets`, `targets/releases`. Says nothing of what it may sign. */
  readonly role: string | undefined;
  /** The repository it was made for, where that is known. */
  readonly repository: string | undefined;
  /** Where it is, for a person: a path, `ssh-agent (comment)`, `token LABEL`. */
  readonly place: string;
  /** Whether opening it asks for a passphrase or PIN. */
  readonly locked: boolean;
  /**
   * What opens it is a passphrase, and a wrong one costs nothing: those at hand may be tried. Without it, it is the PIN of
   * a device that counts the wrong ones, and nothing is guessed.
   */
  readonly passphrase?: true;
}

/** A secret that opens a key. The receiver wipes it. */
export type Secret = Uint8Array;

/** How a back end asks for what opens a key. */
export interface Unlocking {
  /**
   * @param attempt 1 for the first time; more after a secret that was wrong
   * Undefined: there is nothing (more) to try, and the key stays locked: `PASSPHRASE_MISSING`, or `PASSPHRASE_WRONG` after
   * the first attempt.
   */
  secret(key: KeyInfo, attempt: number): Promise<Secret | undefined>;
}

/** A signature in the form that metadata carries, with the method it was made by (notary-protocol.md 3.6). */
export interface MadeSignature {
  /** `ecdsa`, `eddsa`, `rsapss` or `rsapkcs1v15`. */
  readonly method: string;
  /** ECDSA: fixed-width r‖s; Ed25519: 64 bytes; RSA: as long as its modulus. */
  readonly bytes: Uint8Array;
}

/** What is known of a key once it is open. */
export interface OpenKeyInfo extends KeyInfo {
  readonly algorithm: KeyAlgorithm;
  readonly listed: ListedKey;
}

/** A key that can sign until it is closed. */
export interface OpenKey {
  readonly info: OpenKeyInfo;
  /**
   * Signs the whole message, with SHA-256 where the algorithm wants a digest. What was made is verified before it is given out.
   * @param what a certificate: then RSA signs by PKCS#1 v1.5 where the place can, for stock clients take no other; the rest
   *   is the same
   */
  sign(message: Uint8Array, what?: "metadata" | "certificate"): Promise<MadeSignature>;
  /** Forgets the private part. Idempotent; signing afterwards is refused with `KEY_CLOSED`. */
  close(): void;
}

export interface Custody {
  /** Every key that is here and can sign, in a stable order. A place that does not exist is empty. */
  list(): Promise<readonly KeyInfo[]>;

  /** What is here and cannot be used, a sentence for each; opens nothing either. Without it, there is nothing to tell. */
  faults?(): Promise<readonly KeyError[]>;

  /** Throws `KEY_UNKNOWN`, `PASSPHRASE_MISSING`, `PASSPHRASE_WRONG` and what the place adds. */
  open(id: string, unlocking: Unlocking): Promise<OpenKey>;

  /** Lets go of a connection or session. Idempotent. */
  close(): Promise<void>;
}
