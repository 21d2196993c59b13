/**
 * What is sent along with requests, once a trust server has asked for it.
 *
 * Invariants: a header made here goes to the trust server's origin only; one is kept for each right, in memory, until shortly before
 * it ends or the server refuses it; a token is fetched once for a right, however many wait for it.
 */
import { TrustError } from "../errors.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { CredentialSource, Purpose } from "./credentials.ts";
import { credentialVariables } from "./environment-credentials.ts";
import type { Send } from "./exchange.ts";
import type { Right } from "./fetcher.ts";
import type { Settings } from "./options.ts";
import { basic, requestToken, scopeOf, type TokenService, tokenService } from "./token.ts";
import { Shared, within } from "./within.ts";

export interface Pass {
  /** The value of `Authorization`. */
  readonly header: string;
  /** Whether anybody's credentials are behind it. */
  readonly known: boolean;
}

export interface Authorizer {
  /** For a first request; undefined while the server has not asked. Throws as `renew` does. */
  pass(right: Right, signal: AbortSignal): Promise<Pass | undefined>;
  /**
   * After a 401: another pass than `refused`, as its `WWW-Authenticate` wants. Throws `UNAUTHORIZED`, `TOKEN_REALM`,
   * `CREDENTIALS`, and what asking a token service throws.
   */
  renew(
    right: Right,
    refused: Pass | undefined,
    challenges: string | undefined,
    signal: AbortSignal,
  ): Promise<Pass>;
  /** The error after a pass that was just made was refused. */
  refusal(right: Right, refused: Pass, challenges?: string): TrustError;
}

interface Kept extends Pass {
  /** `performance.now()` from which on it is not used. */
  readonly until: number;
}

type Scheme =
  | { readonly kind: "basic" }
  | { readonly kind: "bearer"; readonly service: TokenService }
  /** A token that was given for this server. */
  | { readonly kind: "own"; readonly token: string };

const mostKept = 256;
/** Milliseconds that credentials are used before they are looked up again. */
const credentialLifetime = 3_600_000;

export function createAuthorizer(settings: Settings, source: CredentialSource, send: Send): Authorizer {
  const { origin } = settings.server;
  const kept = new Map<string, Kept>();
  const shared = new Shared<Kept | undefined>();
  let scheme: Scheme | undefined;

  /** Undefined: the server wants credentials, and there are none. */
  async function make(wanted: Scheme, right: Right, signal: AbortSignal): Promise<Kept | undefined> {
    const lasting = performance.now() + credentialLifetime;
    if (wanted.kind === "own") return { header: `Bearer ${wanted.token}`, known: true, until: lasting };
    const credentials = await source.find(purposeOf(right), signal);
    if (wanted.kind === "basic") {
      if (credentials?.kind !== "user") return undefined;
      return { header: basic(credentials), known: true, until: lasting };
    }
    if (credentials?.kind === "registry") {
      return { header: `Bearer ${credentials.token}`, known: true, until: lasting };
    }
    const { value, lifetime } = await requestToken(wanted.service, right, credentials, send, signal);
    const known = credentials !== undefined;
    return { header: `Bearer ${value}`, known, until: performance.now() + lifetime };
  }

  const purposeOf = (right: Right): Purpose => ({
    server: origin,
    repository: right.of === "repository" ? right.repository : undefined,
  });

  function obtain(wanted: Scheme, right: Right, signal: AbortSignal): Promise<Kept | undefined> {
    const key = keyOf(right);
    const late = () => new TrustError("TIMEOUT", `There was no token for ${origin} in time.`);
    return shared.run(key, signal, async (ending) => {
      const work = (end: AbortSignal) => make(wanted, right, end);
      const made = await within(settings.limits.requestTime, [ending], late, work);
      kept.delete(key);
      if (made !== undefined) kept.set(key, made);
      const [oldest] = kept.keys();
      if (kept.size > mostKept && oldest !== undefined) kept.delete(oldest);
      return made;
    });
  }

  function usable(right: Right): Kept | undefined {
    const pass = kept.get(keyOf(right));
    return pass !== undefined && pass.until > performance.now() ? pass : undefined;
  }

  return {
    async pass(right, signal) {
      if (scheme === undefined) return undefined;
      return usable(right) ?? obtain(scheme, right, signal);
    },
    async renew(right, refused, challenges, signal) {
      const wanted = await schemeOf(settings, challenges, async () => source.own?.(purposeOf(right)));
      scheme = wanted;
      // Somebody else may have been faster.
      const other = usable(right);
      if (other !== undefined && other.header !== refused?.header) return other;
      const made = await obtain(wanted, right, signal);
      if (made !== undefined) return made;
      throw wantsCredentials(
        right,
        `${origin} wants a user and password for ${nameOf(right)}, and none were found.`,
      );
    },
    refusal(right, { known }, challenges = "") {
      if (!known) return wantsCredentials(right, `${origin} wants credentials for ${nameOf(right)}.`);
      const isUnknown = parseChallenges(challenges).some(
        ({ params }) => params.get("error") === "invalid_token",
      );
      if (scheme?.kind === "own" && isUnknown) {
        const what = `${origin} does not know the token that was given: it has ended, was revoked, or is another server's.`;
        const next = `Set ${credentialVariables.token} to one that counts, made with vidimus token create.`;
        return new TrustError("UNAUTHORIZED", what, { ...contextOf(right), remedy: { who: "you", next } });
      }
      return new TrustError("FORBIDDEN", `${origin} does not let this user ${doingOf(right)}.`, {
        ...contextOf(right),
        remedy: {
          next: right.of === "server" ? askForIt(right.action) : giveIt(right, lackingOf(challenges)),
        },
      });
    },
  };
}

/** Two rights have the same key only if the same credentials and the same scope are behind them. */
function keyOf(right: Right): string {
  return `${scopeOf(right) ?? ""} ${right.of === "repository" ? right.repository : ""}`;
}

function contextOf(right: Right): { repository?: string } {
  return right.of === "repository" ? { repository: right.repository } : {};
}

function nameOf(right: Right): string {
  return right.of === "repository" ? right.repository : "what concerns the whole server";
}

function doingOf(right: Right): string {
  if (right.of === "repository") return `${right.actions === "pull" ? "read" : "change"} ${right.repository}`;
  switch (right.action) {
    case "catalog":
      return "see what concerns all repositories";
    case "audit":
      return "ask about the past of all repositories";
    case "admin":
      return "administer it";
    case "known":
      return "in";
  }
}

type RepositoryRight = Extract<Right, { readonly of: "repository" }>;

/** `lacks`: undefined, the server did not say which of the rights there are. */
function giveIt({ repository, actions }: RepositoryRight, lacks: string | undefined): string {
  const rights = (lacks ?? actions).split(",");
  const named = `the right${rights.length > 1 ? "s" : ""} ${rights.join(" and ")}`;
  return `Give this user ${named} to ${repository}, or use another user.`;
}

/** As our servers say it, in words of which all are known. */
function lackingOf(challenges: string): string | undefined {
  const right = "(?:pull|push|propose|\\*)";
  const said = new RegExp(`^lacks (${right}(?:,${right}){0,3})$`);
  for (const { params } of parseChallenges(challenges)) {
    const found = said.exec(params.get("error_description") ?? "")?.[1];
    if (found !== undefined) return found;
  }
  return undefined;
}

function askForIt(action: string): string {
  return `Have its administrator give this user the right ${action}: vidimus acl add user:NAME '**' ${action}`;
}

function wantsCredentials(right: Right, what: string): TrustError {
  if (right.of === "repository")
    return new TrustError("UNAUTHORIZED", what, { repository: right.repository });
  const { token, user, password } = credentialVariables;
  const next = `Run vidimus login, or give a machine's token in ${token}, or a name and password in ${user} and ${password}.`;
  return new TrustError("UNAUTHORIZED", what, { remedy: { who: "you", next } });
}

/** Throws `TOKEN_REALM`, or `UNAUTHORIZED` if the server asks for something that we do not have. */
async function schemeOf(
  settings: Settings,
  header: string | undefined,
  own: () => Promise<string | undefined>,
): Promise<Scheme> {
  const challenges = parseChallenges(header ?? "");
  const asked = (scheme: string): Challenge | undefined => challenges.find((each) => each.scheme === scheme);
  const bearer = asked("bearer");
  const { origin } = settings.server;
  if (bearer !== undefined) {
    const token = await own();
    if (token !== undefined) return { kind: "own", token };
    return { kind: "bearer", service: tokenService(bearer, origin, settings.realms) };
  }
  if (asked("basic") !== undefined) return { kind: "basic" };
  throw new TrustError(
    "UNAUTHORIZED",
    `${origin} wants credentials in a way that is neither Bearer nor Basic.`,
  );
}
