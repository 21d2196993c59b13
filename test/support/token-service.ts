/** What a token service that speaks Docker's protocol signs, good and bad. */
import { generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { type JWTHeaderParameters, type JWTPayload, SignJWT } from "jose";
import { type AccessOptions, accessByToken } from "../../src/http/auth/access.ts";
import { fingerprint, keysOfCertificates } from "../../src/http/auth/issuer-keys.ts";
import { certificate } from "./certificates.ts";

export const issuer = "a token service";
export const service = "vidimus.test";
export const realm = "https://auth.example.test/token";

export interface Entry {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

/** To a repository. */
export const entry = (name: string, ...actions: readonly string[]): Entry => ({
  type: "repository",
  name,
  actions,
});

export interface TokenWish {
  readonly access?: readonly Entry[];
  readonly claims?: JWTPayload;
  /** Left out although the protocol has them. */
  readonly without?: readonly string[];
  readonly header?: Partial<JWTHeaderParameters> & Record<string, unknown>;
  readonly key?: KeyObject;
}

export class TokenService {
  readonly key: KeyObject;
  readonly certificate: string;
  readonly #now: () => number;

  private constructor(key: KeyObject, pem: string, now: () => number) {
    this.key = key;
    this.certificate = pem;
    this.#now = now;
  }

  static async make(now: () => number): Promise<TokenService> {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const pem = await certificate({ key: privateKey, cn: [issuer], ca: true });
    return new TokenService(privateKey, pem, now);
  }

  get kid(): string {
    return fingerprint(new X509Certificate(this.certificate).publicKey);
  }

  /** Five minutes, for `alice`. */
  async token({
    access = [],
    claims = {},
    without = [],
    header = {},
    key = this.key,
  }: TokenWish = {}): Promise<string> {
    const at = Math.floor(this.#now() / 1_000);
    const all: JWTPayload = {
      iss: issuer,
      sub: "alice",
      aud: service,
      iat: at,
      nbf: at,
      exp: at + 300,
      access,
      ...claims,
    };
    const kept = Object.fromEntries(Object.entries(all).filter(([name]) => !without.includes(name)));
    return await new SignJWT(kept)
      .setProtectedHeader({ alg: "ES256", typ: "JWT", kid: this.kid, ...header })
      .sign(key);
  }

  /** As `startServer` takes it. */
  access(options: Partial<AccessOptions> = {}) {
    return ({ now, logger }: Pick<AccessOptions, "now" | "logger">) =>
      accessByToken({
        realm,
        service,
        issuers: [
          {
            issuer,
            audience: service,
            method: "token",
            keys: keysOfCertificates([new X509Certificate(this.certificate)]),
          },
        ],
        anonymousRead: false,
        failuresPerMinute: 0,
        changesPerMinute: 0,
        now,
        logger,
        ...options,
      });
  }
}

export const bearing = (token: string) => ({ authorization: `Bearer ${token}` });
