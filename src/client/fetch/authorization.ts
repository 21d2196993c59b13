/**
 * What is sent along with requests, once a trust server has asked for it.
 *
 * Invariants: a header made here goes to the trust server's origin only; one is kept for a repository and what is to be done there, in memory, until
 * shortly before it ends or the server refuses it; a token is fetched once for a repository and what is to be done there, however many wait for it.
 */
import { TrustError } from "../errors.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { CredentialSource } from "./credentials.ts";
import type { Send } from "./exchange.ts";
import type { Settings } from "./options.ts";
import { basic, requestToken, type TokenScope, type TokenService, tokenService } from "./token.ts";
import { Shared, within } from "./within.ts";

export interface Pass {
  /** The value of `Authorization`. */
  readonly header: string;
  /** Whether anybody's credentials are behind it. */
  readonly known: boolean;
}

export interface Authorizer {
  /** For a first request; undefined while the server has not asked. Throws as `renew` does. */
  pass(scope: TokenScope, signal: AbortSignal): Promise<Pass | undefined>;
  /**
   * After a 401: another pass than `refused`, as its `WWW-Authenticate` wants. Throws `UNAUTHORIZED`, `TOKEN_REALM`,
   * `CREDENTIALS`, and what asking a token service throws.
   */
  renew(
    scope: TokenScope,
    refused: Pass | undefined,
    challenges: string | undefined,
    signal: AbortSignal,
  ): Promise<Pass>;
  /** The error after a pass that was just made was refused. */
  refusal(scope: TokenScope, refused: Pass): TrustError;
}

interface Kept extends Pass {
  /** `performance.now()` from which on it is not used. */
  readonly until: number;
}

type Scheme = { readonly kind: "basic" } | { readonly kind: "bearer"; readonly service: TokenService };

const mostKept = 256;
/** Milliseconds that credentials are used before they are looked up again. */
const credentialLifetime = 3_600_000;

export function createAuthorizer(settings: Settings, source: CredentialSource, send: Send): Authorizer {
  const { origin } = settings.server;
  const kept = new Map<string, Kept>();
  const shared = new Shared<Kept | undefined>();
  let scheme: Scheme | undefined;

  /** Undefined: the server wants credentials, and there are none. */
  async function make(wanted: Scheme, scope: TokenScope, signal: AbortSignal): Promise<Kept | undefined> {
    const credentials = await source.find(scope.repository, signal);
    const lasting = performance.now() + credentialLifetime;
    if (wanted.kind === "basic") {
      if (credentials?.kind !== "user") return undefined;
      return { header: basic(credentials), known: true, until: lasting };
    }
    if (credentials?.kind === "registry") {
      return { header: `Bearer ${credentials.token}`, known: true, until: lasting };
    }
    const { value, lifetime } = await requestToken(wanted.service, scope, credentials, send, signal);
    const known = credentials !== undefined;
    return { header: `Bearer ${value}`, known, until: performance.now() + lifetime };
  }

  function obtain(wanted: Scheme, scope: TokenScope, signal: AbortSignal): Promise<Kept | undefined> {
    const key = keyOf(scope);
    const late = () => new TrustError("TIMEOUT", `There was no token for ${origin} in time.`);
    return shared.run(key, signal, async (ending) => {
      const work = (end: AbortSignal) => make(wanted, scope, end);
      const made = await within(settings.limits.requestTime, [ending], late, work);
      kept.delete(key);
      if (made !== undefined) kept.set(key, made);
      const [oldest] = kept.keys();
      if (kept.size > mostKept && oldest !== undefined) kept.delete(oldest);
      return made;
    });
  }

  function usable(scope: TokenScope): Kept | undefined {
    const pass = kept.get(keyOf(scope));
    return pass !== undefined && pass.until > performance.now() ? pass : undefined;
  }

  return {
    async pass(scope, signal) {
      if (scheme === undefined) return undefined;
      return usable(scope) ?? obtain(scheme, scope, signal);
    },
    async renew(scope, refused, challenges, signal) {
      const { repository } = scope;
      const wanted = schemeOf(settings, challenges);
      scheme = wanted;
      // Somebody else may have been faster.
      const other = usable(scope);
      if (other !== undefined && other.header !== refused?.header) return other;
      const made = await obtain(wanted, scope, signal);
      if (made !== undefined) return made;
      throw new TrustError(
        "UNAUTHORIZED",
        `${origin} wants a user and password for ${repository}, and none were found.`,
        { repository },
      );
    },
    refusal({ repository, actions }, { known }) {
      const what = actions === "pull" ? "read" : "change";
      return known
        ? new TrustError("FORBIDDEN", `${origin} does not let this user ${what} ${repository}.`, {
            repository,
          })
        : new TrustError("UNAUTHORIZED", `${origin} wants credentials for ${repository}.`, { repository });
    },
  };
}

function keyOf({ repository, actions }: TokenScope): string {
  return `${actions} ${repository}`;
}

/** Throws `TOKEN_REALM`, or `UNAUTHORIZED` if the server asks for something that we do not have. */
function schemeOf(settings: Settings, header: string | undefined): Scheme {
  const challenges = parseChallenges(header ?? "");
  const asked = (scheme: string): Challenge | undefined => challenges.find((each) => each.scheme === scheme);
  const bearer = asked("bearer");
  const { origin } = settings.server;
  if (bearer !== undefined) {
    return { kind: "bearer", service: tokenService(bearer, origin, settings.realms) };
  }
  if (asked("basic") !== undefined) return { kind: "basic" };
  throw new TrustError(
    "UNAUTHORIZED",
    `${origin} wants credentials in a way that is neither Bearer nor Basic.`,
  );
}
