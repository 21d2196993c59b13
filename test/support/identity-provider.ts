/** What an identity provider signs, good and bad, and the rules by which it is believed. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { exportJWK, type JWK, type JWTPayload, SignJWT } from "jose";
import { readKeySet } from "../../src/http/auth/key-set.ts";
import type { PersonRules, WorkloadRules } from "../../src/http/auth/oidc.ts";
import { Oidc } from "../../src/http/auth/oidc.ts";
import type { ProviderKeys } from "../../src/http/auth/provider-keys.ts";
import { fixedKeys } from "../../src/http/auth/provider-keys.ts";

export const issuer = "https://ci.example.test";
export const audience = "https://vidimus.example.test";
export const clientId = "vidimus-login";
export const repository = "registry.example.test/team/app";

export const exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
export const idTokenType = "urn:ietf:params:oauth:token-type:id_token";

export interface IdTokenWish {
  readonly claims?: JWTPayload;
  readonly without?: readonly string[];
  readonly header?: Record<string, unknown>;
  readonly key?: KeyObject;
}

export interface OidcWish {
  readonly keys?: ProviderKeys;
  readonly failuresPerMinute?: number;
  /** Of workloads, in the place of the usual ones. */
  readonly rules?: WorkloadRules["rules"];
  /** Where what is logged goes. */
  readonly log?: object[];
}

export class IdentityProvider {
  readonly key: KeyObject;
  readonly kid = "of-2030";
  readonly #now: () => number;

  constructor(now: () => number) {
    this.key = generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey;
    this.#now = now;
  }

  async publicJwk(key = this.key): Promise<JWK> {
    const { kty, n, e, crv, x, y } = await exportJWK(key);
    return Object.fromEntries(Object.entries({ kty, n, e, crv, x, y }).filter(([, value]) => value));
  }

  /** The set of keys as it is published. */
  async keySet(more: readonly JWK[] = []): Promise<string> {
    return JSON.stringify({ keys: [{ ...(await this.publicJwk()), kid: this.kid, use: "sig" }, ...more] });
  }

  /** For ten minutes, of a job on the main branch. */
  async token({ claims = {}, without = [], header = {}, key = this.key }: IdTokenWish = {}): Promise<string> {
    const at = Math.floor(this.#now() / 1_000);
    const all: JWTPayload = {
      iss: issuer,
      aud: audience,
      sub: "repo:acme/app:ref:refs/heads/main",
      repository: "acme/app",
      ref: "refs/heads/main",
      iat: at,
      nbf: at,
      exp: at + 600,
      ...claims,
    };
    const kept = Object.fromEntries(Object.entries(all).filter(([name]) => !without.includes(name)));
    return await new SignJWT(kept)
      .setProtectedHeader({ alg: "RS256", typ: "JWT", kid: this.kid, ...header })
      .sign(key);
  }

  /** Of a person who logs in. */
  async personToken(claims: JWTPayload = {}): Promise<string> {
    return await this.token({ claims: { aud: clientId, sub: "alice", ...claims } });
  }

  /** As `startServer` takes it. Workloads of `acme/app` on branches of one segment may publish; whoever logs in is a person. */
  async oidc(given: OidcWish = {}) {
    const keys = given.keys ?? fixedKeys(readKeySet(await this.keySet()));
    const common = { issuer, algorithms: ["RS256", "ES256"], keys, maxAge: 3_600_000, clockSkew: 60_000 };
    const workload: WorkloadRules = {
      ...common,
      kind: "workload",
      audience,
      isClient: false,
      name: "ci:{sub}",
      rules: given.rules ?? [
        {
          claims: { repository: "acme/app", ref: "refs/heads/*" },
          allow: [{ pattern: "registry.example.test/team/*", actions: ["pull", "push"] }],
        },
        { claims: { repository: "acme/app", audited: true }, allow: [{ pattern: "**", actions: ["audit"] }] },
      ],
    };
    const person: PersonRules = {
      ...common,
      kind: "person",
      audience: clientId,
      isClient: true,
      name: "{sub}",
      claims: {},
    };
    return ({ now }: { readonly now: () => number }) =>
      new Oidc({
        issuers: [workload, person],
        people: { issuer, clientId, scopes: ["openid"] },
        sessionLifetime: 43_200_000,
        failuresPerMinute: given.failuresPerMinute ?? 0,
        now,
        logger: { info: (fields: object) => void given.log?.push(fields) },
      });
  }
}
