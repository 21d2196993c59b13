/**
 * Tokens that this server signs: those of its own token endpoint. ES256, with a key of the data directory.
 *
 * How somebody was authenticated is in the issuer (`ISSUER#METHOD`), so that the audit trail has it without a claim that
 * other token services lack.
 */
import { createPrivateKey, createPublicKey, type KeyObject, randomUUID } from "node:crypto";
import { SignJWT } from "jose";
import type { AccessEntry } from "../../service/access/issuing.ts";
import type { Principal } from "../../service/service.ts";
import type { IssuerKeys } from "./issuer-keys.ts";
import { fingerprint } from "./issuer-keys.ts";
import type { TokenIssuer } from "./tokens.ts";

export interface MintRequest {
  /** The address is of no matter. */
  readonly principal: Pick<Principal, "name" | "method">;
  readonly access: readonly AccessEntry[];
  /** Milliseconds. */
  readonly at: number;
  readonly lifetime: number;
}

export interface Minter {
  mint(request: MintRequest): Promise<string>;
  /** To verify them by. */
  readonly issuers: readonly TokenIssuer[];
}

const methods = ["none", "password", "machine", "oidc"] as const satisfies readonly Principal["method"][];

/** `key`: PEM of a private key on P-256. Throws a `TypeError` for any other. */
export function createMinter(key: string, service: string): Minter {
  const privateKey = createPrivateKey(key);
  if (privateKey.asymmetricKeyDetails?.namedCurve !== "prime256v1") {
    throw new TypeError("tokens are signed with a key on P-256");
  }
  const publicKey = createPublicKey(privateKey);
  const kid = fingerprint(publicKey);
  const keys = ownKey(publicKey, kid);
  return {
    async mint({ principal: { name, method }, access, at, lifetime }) {
      const seconds = Math.floor(at / 1_000);
      return await new SignJWT({ access })
        .setProtectedHeader({ alg: "ES256", typ: "JWT", kid })
        .setIssuer(issuerOf(service, method))
        .setSubject(name)
        .setAudience(service)
        .setIssuedAt(seconds)
        .setNotBefore(seconds)
        .setExpirationTime(seconds + Math.floor(lifetime / 1_000))
        .setJti(randomUUID())
        .sign(privateKey);
    },
    issuers: methods.map((method) => ({
      issuer: issuerOf(service, method),
      audience: service,
      keys,
      method,
    })),
  };
}

function issuerOf(service: string, method: Principal["method"]): string {
  return `${service}#${method}`;
}

function ownKey(key: KeyObject, kid: string): IssuerKeys {
  return { find: (header) => (header.kid === kid && header.x5c === undefined ? key : undefined) };
}
