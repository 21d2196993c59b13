/**
 * ID tokens of identity providers (OpenID Connect Core 1.0, 2 and 3.1.3.7): verified by jose, with everything that it leaves to
 * its caller said here.
 *
 * - Only algorithms that the operator named, all of them asymmetric; keys are objects, and come from the provider alone. What a
 *   token brings or points to (`jwk`, `jku`, `x5c`, `x5u`) is not looked at.
 * - Issuer, audience, subject, end and begin must be there. A token that was made too long ago, is not good yet, or lives longer
 *   than a day is refused. Of several audiences one must be meant (`azp`).
 * - A token of another type (`at+jwt`, `logout+jwt`) is none. No member stands twice.
 */
import { errors, jwtVerify } from "jose";
import { z } from "zod";
import { type JsonObject, parseJson } from "../../core/json.ts";
import type { ProviderKeys } from "./provider-keys.ts";

export interface IdTokenRules {
  readonly issuer: string;
  readonly audience: string;
  readonly algorithms: readonly string[];
  readonly keys: ProviderKeys;
  /** An authorised party must be the audience wherever one is named, and not only among several audiences. */
  readonly isClient: boolean;
  /** Milliseconds since it was made, and by how much clocks may differ. */
  readonly maxAge: number;
  readonly clockSkew: number;
}

/** Why a token is not believed: for the log, where these texts are stable. */
export type IdTokenFault =
  | "form"
  | "type"
  | "issuer"
  | "audience"
  | "party"
  | "algorithm"
  | "key"
  | "signature"
  | "expired"
  | "not yet"
  | "too old"
  | "too long a life"
  | "claims";

export class IdTokenRefusal extends Error {
  readonly fault: IdTokenFault;

  constructor(fault: IdTokenFault, cause?: unknown) {
    super(`the ID token was refused: ${fault}`, { cause });
    this.name = "IdTokenRefusal";
    this.fault = fault;
  }
}

export const mostCharacters = 16_384;
/** Seconds. */
const longestLife = 86_400;

const headerForm = z.looseObject({
  alg: z.string(),
  typ: z.string().optional(),
  kid: z.string().max(1_024).optional(),
  // No extension is understood here.
  crit: z.never().optional(),
});
const claimsForm = z.looseObject({
  iss: z.string(),
  sub: z.string().min(1).max(255),
  aud: z.union([z.string(), z.array(z.string()).min(1).max(20)]),
  exp: z.int(),
  iat: z.int(),
  nbf: z.int().optional(),
  azp: z.string().optional(),
});

export interface IdToken<R extends IdTokenRules> {
  /** Those that it was verified by. */
  readonly rules: R;
  readonly claims: JsonObject;
  /** Milliseconds. */
  readonly expiresAt: number;
}

/** Throws `IdTokenRefusal`, and `OVERLOADED` where keys are not to be had. `at`: milliseconds. */
export async function verifyIdToken<R extends IdTokenRules>(
  text: string,
  all: readonly R[],
  at: number,
): Promise<IdToken<R>> {
  if (text.length > mostCharacters || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(text))
    throw new IdTokenRefusal("form");
  const [header, payload] = text.split(".");
  const { alg, typ, kid } = partOf(header, headerForm).read;
  const { read, value: claims } = partOf(payload, claimsForm);
  if (typ !== undefined && !/^(?:application\/)?jwt$/i.test(typ)) throw new IdTokenRefusal("type");
  const rules = rulesOf(read, all);
  if (!rules.algorithms.includes(alg)) throw new IdTokenRefusal("algorithm");
  const key = await rules.keys.find({ kid, alg });
  if (key === undefined) throw new IdTokenRefusal("key");
  const seconds = (milliseconds: number) => Math.floor(milliseconds / 1_000);
  try {
    await jwtVerify(text, key, {
      algorithms: [...rules.algorithms],
      issuer: rules.issuer,
      audience: rules.audience,
      requiredClaims: ["iss", "aud", "sub", "exp", "iat"],
      maxTokenAge: seconds(rules.maxAge),
      clockTolerance: seconds(rules.clockSkew),
      currentDate: new Date(at),
    });
  } catch (cause) {
    throw new IdTokenRefusal(faultOf(cause), cause);
  }
  if (read.exp - read.iat > longestLife) throw new IdTokenRefusal("too long a life");
  return { rules, claims, expiresAt: read.exp * 1_000 };
}

/** By the strict reader, before anything is verified: two readers must not see two tokens. */
function partOf<S extends z.ZodType>(text: string | undefined, form: S) {
  try {
    const { value } = parseJson(Buffer.from(text ?? "", "base64url"), { controlCharacters: true });
    return { read: form.parse(value), value: value as JsonObject };
  } catch (cause) {
    throw new IdTokenRefusal("form", cause);
  }
}

/** Whose word it claims to be, and whom it is meant for: one of those that are known, and no second one. */
function rulesOf<R extends IdTokenRules>(
  { iss, aud, azp }: z.infer<typeof claimsForm>,
  all: readonly R[],
): R {
  const ofIssuer = all.filter(({ issuer }) => issuer === iss);
  if (ofIssuer.length === 0) throw new IdTokenRefusal("issuer");
  const audiences = typeof aud === "string" ? [aud] : aud;
  const meant = ofIssuer.filter(({ audience }) => audiences.includes(audience));
  if (meant.length === 0) throw new IdTokenRefusal("audience");
  const [found, ...others] = meant.filter(({ audience, isClient }) => {
    const mayBeSilent = audiences.length === 1 && (!isClient || azp === undefined);
    return mayBeSilent || azp === audience;
  });
  if (found === undefined || others.length > 0) throw new IdTokenRefusal("party");
  return found;
}

function faultOf(cause: unknown): IdTokenFault {
  if (cause instanceof errors.JWTExpired) return cause.claim === "exp" ? "expired" : "too old";
  if (cause instanceof errors.JWTClaimValidationFailed) {
    if (cause.claim === "nbf" || cause.claim === "iat") return "not yet";
    if (cause.claim === "aud") return "audience";
    return cause.claim === "iss" ? "issuer" : "claims";
  }
  if (cause instanceof errors.JWSSignatureVerificationFailed) return "signature";
  return cause instanceof errors.JOSEAlgNotAllowed ? "algorithm" : "form";
}
