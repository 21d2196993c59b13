/**
 * Docker's token service: credentials in, a token for one right out (notary-protocol.md chapter 6).
 *
 * Invariants: credentials go to origins that the caller has named and to no other, and a realm elsewhere is refused
 * before anything is sent; a realm's redirects are not followed; what the service says is bounded and in no message.
 */
import { TrustError } from "../errors.ts";
import { isPermitted } from "./address.ts";
import type { Challenge } from "./challenge.ts";
import type { Credentials } from "./credentials.ts";
import { credentialVariables } from "./environment-credentials.ts";
import type { Answer, Call, Send } from "./exchange.ts";
import { refusedStatus, retryAfterOf } from "./failure.ts";
import type { Right } from "./fetcher.ts";

export interface TokenService {
  readonly realm: URL;
  readonly service: string | undefined;
}

export interface Token {
  readonly value: string;
  /** Milliseconds that it may be used, a margin taken off. */
  readonly lifetime: number;
}

const mostAnswer = 65_536;
const tokenForm = /^[\x21-\x7e]{1,16384}$/;
const usualLifetime = 60;
const longestLifetime = 3_600;
/** Seconds before its end that a token is no longer used; for short ones, a fifth. */
const margin = 10;

/** `permitted`: origins. Throws `TOKEN_REALM`. */
export function tokenService(
  { params }: Challenge,
  server: string,
  permitted: ReadonlySet<string>,
): TokenService {
  const text = params.get("realm") ?? "";
  const realm = URL.canParse(text) ? new URL(text) : undefined;
  if (realm === undefined || !isPermitted(realm)) {
    throw new TrustError(
      "TOKEN_REALM",
      `${server} names a token realm that is not a complete https address; nothing was sent there.`,
    );
  }
  if (!permitted.has(realm.origin)) {
    throw new TrustError(
      "TOKEN_REALM",
      `${server} wants tokens from ${realm.origin}, which is not among its permitted realms; nothing was sent there.`,
      { detail: { realm: realm.origin } },
    );
  }
  realm.hash = "";
  return { realm, service: params.get("service") };
}

/**
 * A token for what is to be done; anonymous without credentials. Throws `UNAUTHORIZED`, `FORBIDDEN`, `BAD_ANSWER`
 * and what `send` throws.
 */
export async function requestToken(
  service: TokenService,
  right: Right,
  credentials: Exclude<Credentials, { kind: "registry" }> | undefined,
  send: Send,
  signal: AbortSignal,
): Promise<Token> {
  const call = callOf(service, right, credentials);
  const answer = await send(call, signal);
  const { origin } = service.realm;
  if (answer.status === 200) return parseToken(answer, origin);
  if (credentials?.kind === "workload" && (answer.status === 400 || answer.status === 403))
    throw refusedWorkload(answer, origin);
  if (answer.status === 401 || (answer.status === 400 && credentials?.kind === "identity")) {
    const whom = credentials === undefined ? "readers without credentials" : "the credentials found";
    const next = remedyOf(credentials);
    throw new TrustError("UNAUTHORIZED", `The token service ${origin} refuses ${whom}.`, {
      ...(next !== undefined && { remedy: { who: "you", next } }),
    });
  }
  throw refusedStatus(answer.status, origin, retryAfterOf(answer.headers["retry-after"], Date.now()));
}

/** Undefined: they are those of `docker login`, or there are none. */
function remedyOf(credentials: Credentials | undefined): string | undefined {
  if (credentials?.kind === "identity") return "Log in again, with vidimus login or docker login.";
  const isGiven = credentials?.kind === "user" && credentials.from === "environment";
  const { user, password } = credentialVariables;
  return isGiven ? `Mend ${user} and ${password}: no such user has this password there.` : undefined;
}

function callOf(
  service: TokenService,
  right: Right,
  credentials: Exclude<Credentials, { kind: "registry" }> | undefined,
): Call {
  if (credentials?.kind === "identity") {
    const of = { grant_type: "refresh_token", refresh_token: credentials.token, client_id: "vidimus" };
    return form(service, right, of);
  }
  if (credentials?.kind !== "workload") return asking(service, right, credentials);
  return form(service, right, {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: credentials.token,
    subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
  });
}

/** By the service's own code: what it says besides is in no message. */
function refusedWorkload({ headers }: Answer, origin: string): TrustError {
  switch (headers["vidimus-code"]) {
    case "FORBIDDEN":
      return new TrustError(
        "FORBIDDEN",
        `${origin} believes the ID token, and no rule there gives this workload a right.`,
        { remedy: { next: "Have its administrator add a rule for this workload to auth.oidc.issuers." } },
      );
    case "UNAUTHORIZED":
      return new TrustError("UNAUTHORIZED", `${origin} does not accept the ID token.`, {
        remedy: {
          who: "you",
          next: `Ask for a new one, of the issuer and for the audience that the server knows. ${whyOf(headers["vidimus-incident"])}`,
        },
      });
    default:
      return new TrustError("UNAUTHORIZED", `The token service ${origin} exchanges no ID tokens.`);
  }
}

/** Where who runs the server finds the reason. */
function whyOf(incident: string | readonly string[] | undefined): string {
  const isOne = typeof incident === "string" && /^[0-9a-f]{8}$/.test(incident);
  return isOne
    ? `Its operator finds the reason in the log, under ${incident}.`
    : "Its operator's log says why.";
}

/** How a right is spelled in tokens and challenges; undefined: any token will do, and none of its rights is asked for. */
export function scopeOf(right: Right): string | undefined {
  if (right.of === "repository") return `repository:${right.tokenFor ?? right.repository}:${right.actions}`;
  switch (right.action) {
    case "catalog":
      return "registry:catalog:*";
    case "audit":
    case "admin":
      return `vidimus:server:${right.action}`;
    case "known":
      return undefined;
  }
}

function asking(
  { realm, service }: TokenService,
  right: Right,
  user: { readonly username: string; readonly password: string } | undefined,
): Call {
  const url = new URL(realm);
  if (user !== undefined) url.searchParams.append("account", user.username);
  const scope = scopeOf(right);
  if (scope !== undefined) url.searchParams.append("scope", scope);
  if (service !== undefined) url.searchParams.append("service", service);
  const headers: Record<string, string> = user === undefined ? {} : { authorization: basic(user) };
  return { method: "GET", url, headers, maxBytes: mostAnswer };
}

function form(
  { realm, service }: TokenService,
  right: Right,
  fields: Readonly<Record<string, string>>,
): Call {
  const scope = scopeOf(right);
  const body = new URLSearchParams({
    ...fields,
    ...(service === undefined ? {} : { service }),
    ...(scope === undefined ? {} : { scope }),
  }).toString();
  const headers = { "content-type": "application/x-www-form-urlencoded" };
  return { method: "POST", url: realm, headers, body, maxBytes: mostAnswer };
}

/** The header that carries a user and password. */
export function basic(user: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${user.username}:${user.password}`, "utf8").toString("base64")}`;
}

function parseToken(answer: Answer, origin: string): Token {
  const bad = () =>
    new TrustError("BAD_ANSWER", `The token service ${origin} answers without a usable token.`);
  let value: unknown;
  try {
    value = JSON.parse(answer.body.toString("utf8"));
  } catch {
    // The parser's message quotes the text.
    throw bad();
  }
  if (typeof value !== "object" || value === null) throw bad();
  const { token, access_token, expires_in } = value as Readonly<Record<string, unknown>>;
  const given = token === undefined || token === null || token === "" ? access_token : token;
  if (typeof given !== "string" || !tokenForm.test(given)) throw bad();
  return { value: given, lifetime: lifetimeOf(expires_in) };
}

function lifetimeOf(seconds: unknown): number {
  const given = typeof seconds === "number" && seconds > 0 ? seconds : usualLifetime;
  const lasting = Math.min(given, longestLifetime);
  return (lasting - Math.min(margin, lasting / 5)) * 1_000;
}
