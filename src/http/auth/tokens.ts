/**
 * Tokens of a token service (notary-protocol.md chapter 6): verified by jose, with everything that it leaves to its caller said
 * here. Only asymmetric algorithms; keys are objects, never bytes; issuer, audience, end and begin must be there; lives longer
 * than a day are refused; no member twice.
 */
import { decodeProtectedHeader, jwtVerify } from "jose";
import { z } from "zod";
import { parseJson } from "../../core/json.ts";
import { tokenAlgorithms } from "../../service/access/token-algorithms.ts";
import type { Principal } from "../../service/service.ts";
import { anonymousName, type Grant, grantOf, type ServerAction } from "./grant.ts";
import type { IssuerKeys } from "./issuer-keys.ts";

export interface TokenIssuer {
  /** `iss` of its tokens. */
  readonly issuer: string;
  /** `aud` of tokens that are meant for us. */
  readonly audience: string;
  readonly keys: IssuerKeys;
  readonly method: Principal["method"];
}

/** Characters; heads of requests are bounded, too. */
export const mostCharacters = 16_384;
const tolerance = 60;
/** Seconds. */
const longestLife = 86_400;

const claims = z.looseObject({
  iss: z.string(),
  sub: z.string().max(200).optional(),
  exp: z.int(),
  iat: z.int(),
  access: z
    .array(
      z.looseObject({
        type: z.string(),
        name: z.string(),
        actions: z.array(z.string()).max(20).nullable(),
      }),
    )
    .max(1_000)
    .nullish(),
});
type Claims = z.infer<typeof claims>;

export interface Looking {
  /** Where the token comes from. */
  readonly address: string;
  /** Milliseconds. */
  readonly at: number;
  /** Without: a token that brings certificates is refused, so that no token costs more than one signature. */
  readonly followsChains: boolean;
}

/** Throws anything if the token is not to be believed: what it is goes to the log. */
export async function grantOfToken(
  text: string,
  issuers: readonly TokenIssuer[],
  { address, at, followsChains }: Looking,
): Promise<Grant> {
  if (text.length > mostCharacters) throw new Error("the token is too long");
  const given = readClaims(text);
  const issuer = issuers.find((each) => each.issuer === given.iss);
  if (issuer === undefined) throw new Error("the token is of another issuer");
  const header = decodeProtectedHeader(text);
  if (!followsChains && header.x5c !== undefined) throw new Error("the token brings certificates");
  const key = issuer.keys.find(header, at);
  if (key === undefined) throw new Error("the token is signed with a key that is not trusted");
  await jwtVerify(text, key, {
    algorithms: [...tokenAlgorithms],
    issuer: issuer.issuer,
    audience: issuer.audience,
    clockTolerance: tolerance,
    requiredClaims: ["iss", "aud", "exp", "iat"],
    currentDate: new Date(at),
  });
  const { exp, iat } = given;
  if (iat - tolerance > at / 1_000) throw new Error("the token is of the future");
  if (exp - iat > longestLife) throw new Error("the token lives longer than a day");
  const { sub = "" } = given;
  const principal = { name: sub === "" ? anonymousName : sub, method: issuer.method, address };
  return grantOf(principal, rightsOf(given), exp * 1_000);
}

/** Before anything is verified, and by the strict reader: two readers must not see two tokens. */
function readClaims(text: string): Claims {
  const [, payload] = text.split(".", 3);
  const bytes = Buffer.from(payload ?? "", "base64url");
  return claims.parse(parseJson(bytes, { controlCharacters: true }).value);
}

/** Of what it lists, what there is here: no other class or type counts. */
function rightsOf({ access }: Claims) {
  const repositories = new Map<string, Set<string>>();
  const server = new Set<ServerAction>();
  for (const { type, name, actions } of access ?? []) {
    for (const action of actions ?? []) {
      if (type === "repository") repositories.set(name, (repositories.get(name) ?? new Set()).add(action));
      else if (type === "registry" && name === "catalog" && action === "*") server.add("catalog");
      else if (type === "vidimus" && name === "server" && (action === "audit" || action === "admin"))
        server.add(action);
    }
  }
  return { repositories, server };
}
