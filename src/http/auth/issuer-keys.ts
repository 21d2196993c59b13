/**
 * Which keys an issuer's tokens may be signed with: certificates, or a set of keys (RFC 7517). A token says which by
 * `x5c`, or by `kid`: the fingerprint that Docker's token services use, the `kid` of the set, or the thumbprint of RFC 7638.
 * What a token brings besides (`jwk`, `jku`, `x5u`) is nothing to us: nothing is fetched, and no key is taken from a token.
 */
import { createHash, type KeyObject, type X509Certificate } from "node:crypto";
import { calculateJwkThumbprint, type JWK } from "jose";
import { isFor, readKeySet, type SetKey } from "./key-set.ts";
import { isValid, keyOfChain } from "./x5c.ts";

export interface TokenHeader {
  readonly kid?: unknown;
  readonly x5c?: unknown;
  readonly alg?: unknown;
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

/** Throws what `readKeySet` throws. */
export async function keysOfSet(text: string): Promise<IssuerKeys> {
  const set = readKeySet(text);
  const byId = new Map<string, SetKey>();
  for (const each of set) {
    byId.set(await calculateJwkThumbprint(each.key.export({ format: "jwk" }) as JWK), each);
    byId.set(fingerprint(each.key), each);
    if (each.kid !== undefined) byId.set(each.kid, each);
  }
  return {
    find({ x5c, kid, alg }) {
      const only = kid === undefined && x5c === undefined && set.length === 1 ? set[0] : undefined;
      const meant = typeof kid === "string" ? byId.get(kid) : only;
      return meant !== undefined && isFor(meant, alg) ? meant.key : undefined;
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
