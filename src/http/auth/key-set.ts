/**
 * A JSON Web Key Set (RFC 7517) that tokens are verified with.
 *
 * - Only public keys for signatures count, each for the algorithm that it names. What is not known here, such as a curve, is passed
 *   over: other keys of the set may be good.
 * - A set with a private or secret key is none: whoever wrote it has given the key away.
 */
import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { z } from "zod";

export interface SetKey {
  readonly kid: string | undefined;
  readonly alg: string | undefined;
  readonly key: KeyObject;
}
export type KeySet = readonly SetKey[];

export interface WantedKey {
  readonly kid: string | undefined;
  readonly alg: string;
}

const most = 100;
const setForm = z.object({ keys: z.array(z.record(z.string(), z.unknown())).min(1).max(most) });
const keyForm = z.looseObject({
  kty: z.enum(["RSA", "EC", "OKP"]),
  use: z.literal("sig").optional(),
  key_ops: z
    .array(z.string())
    .refine((all) => all.includes("verify"))
    .optional(),
  kid: z.string().max(1_024).optional(),
  alg: z.string().max(64).optional(),
});
const privateMembers = ["d", "p", "q", "k"];

/** Throws if it is no set of keys, if one of them is private, and if none can be used. */
export function readKeySet(text: string): KeySet {
  const usable = setForm.parse(JSON.parse(text)).keys.flatMap((jwk): SetKey[] => {
    if (privateMembers.some((each) => Object.hasOwn(jwk, each)))
      throw new Error("the set holds a key that is not public");
    const read = keyForm.safeParse(jwk);
    if (!read.success) return [];
    try {
      const key = createPublicKey({ key: jwk as JsonWebKey, format: "jwk" });
      return [{ kid: read.data.kid, alg: read.data.alg, key }];
    } catch {
      // Of a curve that is not known here: other keys of the set may be.
      return [];
    }
  });
  if (usable.length === 0) throw new Error("the set holds no key for signatures");
  return usable;
}

/** The key that is named, or the only one that can be meant. */
export function findKey(set: KeySet, { kid, alg }: WantedKey): KeyObject | undefined {
  const meant = set.filter((each) => (kid === undefined || each.kid === kid) && isFor(each, alg));
  return meant.length === 1 ? meant[0]?.key : undefined;
}

/** Whether a key may verify signatures of this algorithm. `EdDSA` is what `Ed25519` was called before RFC 9864. */
export function isFor({ alg }: SetKey, wanted: unknown): boolean {
  const today = (name: unknown) => (name === "EdDSA" ? "Ed25519" : name);
  return alg === undefined || today(alg) === today(wanted);
}
