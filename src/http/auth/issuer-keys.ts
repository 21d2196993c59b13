/**
 * Which keys an issuer's tokens may be signed with: certificates, or a set of keys (RFC 7517). A token says which by
 * `x5c`, or by `kid`: the fingerprint that Docker's token services use, the `kid` of the set, or the thumbprint of RFC 7638.
 * What a token brings besides (`jwk`, `jku`, `x5u`) is nothing to us: nothing is fetched, and no key is taken from a token.
 */
import {
  createHash,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
  type X509Certificate,
} from "node:crypto";
import { calculateJwkThumbprint, type JWK } from "jose";
import { z } from "zod";
import { isValid, keyOfChain } from "./x5c.ts";

export interface TokenHeader {
  readonly kid?: unknown;
  readonly x5c?: unknown;
}

export interface IssuerKeys {
  /** The key that a token names, or the only one there is; undefined: none that is trusted. `at`: milliseconds. */
  find(header: TokenHeader, at: number): KeyObject | undefined;
}

export function keysOfCertificates(bundle: readonly X509Certificate[]): IssuerKeys {
  const byFingerprint = new Map(bundle.map((each) => [fingerprint(each.publicKey), each]));
  return {
    find({ x5c, kid }, at) {
      if (x5c !== undefined) return keyOfChain(x5c, bundle, at);
      const named = typeof kid === "string" ? byFingerprint.get(kid) : undefined;
      return named !== undefined && isValid(named, at) ? named.publicKey : undefined;
    },
  };
}

const jwks = z.object({
  keys: z
    .array(z.looseObject({ kty: z.string(), use: z.string().optional(), kid: z.string().optional() }))
    .min(1)
    .max(100),
});
const privateMembers = ["d", "p", "q", "k"];

/** Throws, with a sentence, if it is not a set of public keys. */
export async function keysOfSet(text: string): Promise<IssuerKeys> {
  const byId = new Map<string, KeyObject>();
  const all: KeyObject[] = [];
  for (const jwk of jwks.parse(JSON.parse(text)).keys) {
    if (jwk.kty === "oct" || privateMembers.some((each) => each in jwk))
      throw new Error("a set of keys to verify tokens with must hold public keys alone");
    if (jwk.use !== undefined && jwk.use !== "sig") continue;
    const key = createPublicKey({ key: jwk as JsonWebKey, format: "jwk" });
    all.push(key);
    byId.set(await calculateJwkThumbprint(jwk as JWK), key);
    byId.set(fingerprint(key), key);
    if (jwk.kid !== undefined) byId.set(jwk.kid, key);
  }
  return {
    find({ x5c, kid }) {
      if (kid === undefined && x5c === undefined) return all.length === 1 ? all[0] : undefined;
      return typeof kid === "string" ? byId.get(kid) : undefined;
    },
  };
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** The key ID of Docker's token services: 240 bits of a SHA-256 over the key, in base32, in groups of four (notary-protocol.md chapter 6). */
export function fingerprint(key: KeyObject): string {
  const digest = createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest()
    .subarray(0, 30);
  let text = "";
  let bits = 0;
  let held = 0;
  for (const byte of digest) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += alphabet[(held >> bits) & 31] ?? "";
    }
    held &= 31;
  }
  return (text.match(/.{4}/g) ?? []).join(":");
}
