/** By which mechanism a token signs as metadata wants it (notary-protocol.md 3.6), and what it is handed. */
import { hash } from "node:crypto";
import type { KeyAlgorithm } from "../custody.ts";
import type { Purpose } from "../outside-key.ts";
import * as ck from "./constants.ts";
import type { Mechanism } from "./messages.ts";

export interface Way {
  readonly algorithm: KeyAlgorithm;
  readonly method: string;
  readonly mechanism: Mechanism;
  /** What of the message is handed to the token. */
  readonly input: (message: Uint8Array) => Uint8Array;
}

const whole = (message: Uint8Array) => message;
const digest = (message: Uint8Array) => hash("sha256", message, "buffer");
/** DigestInfo of SHA-256 (RFC 8017, section 9.2, note 1). */
const digestInfo = (message: Uint8Array) =>
  Buffer.concat([Buffer.from("3031300d060960864801650304020105000420", "hex"), digest(message)]);

/** The best first. Hashing here, where it can be, keeps files away from slow tokens. */
const ways: readonly Way[] = [
  way("ecdsa", "ecdsa", ck.CKM_ECDSA, digest),
  way("ed25519", "eddsa", ck.CKM_EDDSA, whole),
  way("rsa", "rsapss", ck.CKM_RSA_PKCS_PSS, digest, true),
  way("rsa", "rsapss", ck.CKM_SHA256_RSA_PKCS_PSS, whole, true),
  way("rsa", "rsapkcs1v15", ck.CKM_RSA_PKCS, digestInfo),
  way("rsa", "rsapkcs1v15", ck.CKM_SHA256_RSA_PKCS, whole),
];

function way(algorithm: KeyAlgorithm, method: string, number: number, input: Way["input"], pss = false): Way {
  return { algorithm, method, mechanism: { number, pss }, input };
}

export const usedMechanisms: readonly number[] = ways.map(({ mechanism }) => mechanism.number);

/** For a certificate, PKCS#1 v1.5 before PSS. */
export function wayOf(
  algorithm: KeyAlgorithm,
  offered: readonly number[],
  what: Purpose = "metadata",
): Way | undefined {
  const possible = ways.filter(
    (each) => each.algorithm === algorithm && offered.includes(each.mechanism.number),
  );
  const plain = what === "certificate" ? possible.find(({ mechanism }) => !mechanism.pss) : undefined;
  return plain ?? possible[0];
}
