/** The built-in token endpoint for tests: cheap hashes, a key of its own, the clock of the test. */
import { generateKeyPairSync } from "node:crypto";
import { accessByToken } from "../../src/http/auth/access.ts";
import type { BuiltinAccess } from "../../src/http/auth/builtin.ts";
import { createMinter } from "../../src/http/auth/minting.ts";
import type { Oidc } from "../../src/http/auth/oidc.ts";
import { Administration } from "../../src/service/access/administration.ts";
import { Attempts } from "../../src/service/access/attempts.ts";
import { type Credentials, Logins } from "../../src/service/access/logins.ts";
import { createOpaqueTokens } from "../../src/service/access/opaque-tokens.ts";
import { createPasswords, Lane } from "../../src/service/access/password.ts";
import { isStillAdministrator } from "../../src/service/access/still-administrator.ts";
import type { Store } from "../../src/store/contract/store.ts";

export const operatorToken = `vdo_${"o".repeat(43)}`;
export const service = "vidimus.test";
export const realm = "https://vidimus.example.test/token";

export interface BuiltinOptions {
  readonly oidc?: (parts: { readonly now: () => number }) => Oidc;
  readonly askRegistry?: (credentials: Credentials) => Promise<boolean>;
  /** 0: no limit. */
  readonly failuresPerMinute?: number;
}

export function builtinAccess(
  { access: store, audit }: Store,
  now: () => number,
  { askRegistry, oidc, failuresPerMinute = 0 }: BuiltinOptions = {},
) {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const minter = createMinter(privateKey.export({ type: "pkcs8", format: "pem" }).toString(), service);
  const lane = new Lane(2, 100);
  const passwords = createPasswords(lane, { logN: 4, r: 1, p: 1 });
  const logins = new Logins(
    { store, passwords, passwordFile: () => undefined, askRegistry },
    { attempts: new Attempts(), lane, rememberFor: 1_000, now, onFailure: () => undefined },
  );
  const access = accessByToken({
    realm,
    service,
    issuers: minter.issuers,
    administers: (principal) => isStillAdministrator(store, principal, now()),
    opaque: createOpaqueTokens({ store, operatorToken: () => operatorToken, now }),
    anonymousRead: false,
    failuresPerMinute,
    changesPerMinute: 0,
    now,
    logger: { info: () => undefined },
  });
  const builtin: BuiltinAccess = {
    logins,
    administration: new Administration(store, passwords, now),
    minter,
    ...(oidc && { oidc: oidc({ now }) }),
    realm,
    service,
    tokenLifetime: 300_000,
    sessionLifetime: 86_400_000,
    now,
    async onAdministrator(actor) {
      const kind = "administrator.logged-in";
      await audit.append({ at: now(), kind, actor, repository: "", detail: "{}" });
    },
  };
  return { access, builtin };
}
