/**
 * The identity providers of the configuration, each with its keys. Which there are is read at the start alone; files of keys and
 * authorities are read again when that is asked for, and keys that were fetched are then fetched anew with the next token.
 */
import { readFileSync } from "node:fs";
import type { Logger } from "pino";
import { parseDuration } from "../config/units.ts";
import type { Config } from "../config.ts";
import type { IdTokenRules } from "../http/auth/id-token.ts";
import type { Oidc } from "../http/auth/oidc.ts";
import type { ProviderKeys } from "../http/auth/provider-keys.ts";
import { StartError, systemCode } from "../serve/errors.ts";
import { systemClock } from "../service/clock.ts";

const mostBytes = 1024 * 1024;
/** Milliseconds: a person's token is exchanged as soon as it is there, and whoever finds one later finds it of no use. */
const oldestLogin = 600_000;

interface Provider {
  readonly issuer: string;
  readonly jwks?: string | undefined;
  readonly ca?: string | undefined;
}

export interface OpenedOidc {
  readonly oidc: Oidc;
  /** Never throws: what cannot be used leaves that provider's old keys in force, and is logged. */
  reload(): void;
}

/** The keys of one provider, and how to have them anew. */
interface Held {
  readonly keys: ProviderKeys;
  /** Throws `StartError`. */
  reload(): void;
}

/** Undefined: there are none. Throws `StartError` (`TOKEN_KEYS_UNUSABLE`). Asks nobody: keys are fetched with the first token. */
export async function openOidc(
  { auth: { oidc }, limits }: Config,
  logger: Logger,
): Promise<OpenedOidc | undefined> {
  const { issuers, login } = oidc;
  const { issuer, clientId } = login;
  if (issuers.length === 0 && issuer === undefined) return undefined;
  const { Oidc } = await import("../http/auth/oidc.ts");
  const [keys, { readKeySet }] = await Promise.all([
    import("../http/auth/provider-keys.ts"),
    import("../http/auth/key-set.ts"),
  ]);
  const { fetchKeySet } = await import("./provider-documents.ts");
  const now = () => systemClock.now();
  /** One for all rules with the same keys, so that nobody is asked twice. */
  const known = new Map<string, Held & { readonly of: string }>();

  function keysOf(provider: Provider): ProviderKeys {
    const text = JSON.stringify([provider.issuer, provider.jwks, provider.ca]);
    const found = known.get(text) ?? { ...openKeys(provider), of: provider.issuer };
    known.set(text, found);
    return found.keys;
  }

  function openKeys({ issuer: of, jwks, ca }: Provider): Held {
    const readAuthority = () =>
      ca === undefined ? undefined : readText(ca, "that an identity provider's ca names");
    let authority = readAuthority();
    if (jwks === undefined || jwks.includes("://")) {
      const fetch = () => fetchKeySet(of, jwks, { allowPrivate: oidc.allowPrivate, ca: authority });
      const fetched = new keys.FetchedKeys({ issuer: of, fetch, now, logger });
      return {
        keys: fetched,
        reload() {
          authority = readAuthority();
          fetched.fetchAnew();
        },
      };
    }
    let set = readKeys(of, jwks);
    return {
      keys: { find: (wanted) => set.find(wanted) },
      reload() {
        set = readKeys(of, jwks);
      },
    };
  }

  function readKeys(of: string, file: string): ProviderKeys {
    try {
      return keys.fixedKeys(readKeySet(readText(file, "that an identity provider's jwks names")));
    } catch (cause) {
      if (cause instanceof StartError) throw cause;
      throw new StartError(
        "TOKEN_KEYS_UNUSABLE",
        `The file ${file} with the keys of ${of} cannot be used: put its public keys there as a JSON Web Key Set, and nothing private.`,
        cause,
      );
    }
  }

  const rulesOf = (provider: Provider, audience: string, isClient: boolean): IdTokenRules => ({
    issuer: provider.issuer,
    audience,
    algorithms: oidc.algorithms,
    keys: keysOf(provider),
    isClient,
    maxAge: oidc.maxAge,
    clockSkew: oidc.clockSkew,
  });
  const workloads = issuers.map(({ name, rules, algorithms, maxAge, ...provider }) => {
    const base = rulesOf(provider, provider.audience, false);
    const age = maxAge === undefined ? undefined : parseDuration(maxAge);
    const own = { ...(algorithms && { algorithms }), ...(age !== undefined && { maxAge: age }) };
    return { ...base, ...own, kind: "workload" as const, name, rules };
  });
  const hasPeople = issuer !== undefined && clientId !== undefined;
  const people = hasPeople
    ? [
        {
          ...rulesOf({ issuer, jwks: login.jwks, ca: login.ca }, clientId, true),
          maxAge: Math.min(oidc.maxAge, oldestLogin),
          kind: "person" as const,
          name: login.name,
          claims: login.claims,
        },
      ]
    : [];
  const made = new Oidc({
    issuers: [...workloads, ...people],
    people: hasPeople ? { issuer, clientId, scopes: login.scopes } : undefined,
    sessionLifetime: login.sessionLifetime,
    failuresPerMinute: limits.failuresPerMinute,
    now,
    logger,
  });
  return {
    oidc: made,
    reload() {
      for (const held of known.values()) {
        try {
          held.reload();
        } catch (err) {
          logger.error(
            { issuer: held.of, err },
            "the keys of an identity provider cannot be used, the old ones stay in force",
          );
        }
      }
      logger.info(
        "the keys of the identity providers are read again; which providers and rules there are is read at the start alone",
      );
    },
  };
}

function readText(path: string, what: string): string {
  try {
    const text = readFileSync(path, "utf8");
    if (text.length > mostBytes) throw Object.assign(new Error("it is larger than 1 MiB"), { code: "EFBIG" });
    return text;
  } catch (cause) {
    throw new StartError(
      "TOKEN_KEYS_UNUSABLE",
      `The file ${path} ${what} cannot be read (${systemCode(cause)}): mend it or its rights.`,
      cause,
    );
  }
}
