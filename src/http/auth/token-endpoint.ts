/**
 * The built-in token endpoint: Docker's token protocol by GET, and its OAuth2 form by POST (notary-protocol.md chapter 6).
 *
 * - Without credentials there is a token for what anyone may; with wrong ones there is none at all.
 * - The password of a machine is its token.
 * - A session goes on by a refresh token, which is opaque, hashed in the store, and worth nothing once its user is gone,
 *   disabled, or has another password.
 * - An ID token of an identity provider is exchanged (RFC 8693): that of a workload for what claim rules give it, that of a person
 *   for what its name may do, and for a session where one is asked for.
 * - What was asked and is not allowed is left out of the token. Nobody learns by it whether a repository is there.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { MalformedError, RefusedError } from "../../core/errors.ts";
import { isOidcName } from "../../service/access/evaluate.ts";
import { type AccessEntry, grantedEntries, mostScopes, parseScope } from "../../service/access/issuing.ts";
import { makeOpaqueToken, opaqueDigest } from "../../service/access/opaque-token.ts";
import { findMachineToken } from "../../service/access/opaque-tokens.ts";
import type { Principal, RefusalCounter } from "../../service/service.ts";
import type { Scope } from "../../store/contract/access.ts";
import type { ByteBudget } from "../budget.ts";
import { errorAnswer } from "../errors.ts";
import { addressOf, sendError, sendJson } from "../exchange.ts";
import { withForm } from "../json-body.ts";
import type { BuiltinAccess } from "./builtin.ts";
import { ExchangeRefusal } from "./oidc.ts";
import { holderOf } from "./rate.ts";
import { countRefusal } from "./refused.ts";

/** An ID token may be as long as any other; the rest of a form is small. */
const largestForm = 24_576;

/** RFC 8693, 2.1 and 3. */
const exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
const tokenType = (name: string) => `urn:ietf:params:oauth:token-type:${name}`;

/** Who asks, and what the token may say at most. */
interface Asking {
  readonly principal: Pick<Principal, "name" | "method">;
  readonly scopes: readonly Scope[];
  /** Not after this instant. */
  readonly until: number;
}

/** A session that is wanted, or the refresh token of one that goes on. */
type SessionWish = "new" | { readonly refresh: string } | undefined;

interface Parts {
  readonly builtin: BuiltinAccess;
  readonly budget: ByteBudget;
  readonly refusals: RefusalCounter;
}

export async function tokenEndpoint(
  app: FastifyInstance,
  { builtin, budget, refusals }: Parts,
): Promise<void> {
  const { logins, administration, minter, oidc, service, tokenLifetime, sessionLifetime, now } = builtin;
  const { store } = administration;

  app.get("/token", async (request, reply) => {
    const query = queryOf(request);
    const asking = await byHeader(request);
    const isOffline = query.get("offline_token") === "true";
    return await answer(reply, request, query, asking, isOffline ? "new" : undefined);
  });

  app.post("/token", async (request, reply) => {
    await withForm(request.raw, largestForm, budget, async (form) => {
      const { asking, wish } = await byForm(form, request);
      return await answer(reply, request, form, asking, wish);
    });
    return reply;
  });

  /** Only what credentials get wrong is told here, with a challenge of its own. */
  app.setErrorHandler(async (error, request, reply) => {
    const isExchange = error instanceof ExchangeRefusal;
    if (!isExchange && !(error instanceof RefusedError && error.code === "UNAUTHORIZED")) throw error;
    request.log.info({ code: error.code, from: request.ip }, error.message);
    const answer = errorAnswer(error);
    countRefusal(refusals, request, error, answer);
    if (isExchange) {
      const { code, message, status, incident } = error;
      const body = `${JSON.stringify({ errors: [{ code, message }] })}\n`;
      return await sendError(
        reply,
        { ...answer, status, body, ...(incident !== undefined && { incident }) },
        request.method,
      );
    }
    return await sendError(reply, answer, request.method, `Basic realm="${service}"`);
  });

  async function byHeader(request: FastifyRequest): Promise<Asking> {
    const { authorization } = request.headers;
    if (authorization === undefined) return await anonymous();
    const [, text] = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(authorization) ?? [];
    if (text === undefined)
      throw new RefusedError("UNAUTHORIZED", "Send name and password as Basic credentials.");
    const [name = "", ...rest] = Buffer.from(text, "base64").toString("utf8").split(":");
    return await byPassword({ name, password: rest.join(":") }, request);
  }

  async function byForm(
    form: URLSearchParams,
    request: FastifyRequest,
  ): Promise<{ readonly asking: Asking; readonly wish: SessionWish }> {
    const wish = form.get("access_type") === "offline" ? "new" : undefined;
    switch (form.get("grant_type")) {
      case "password": {
        const credentials = { name: form.get("username") ?? "", password: form.get("password") ?? "" };
        return { asking: await byPassword(credentials, request), wish };
      }
      case "refresh_token": {
        const refresh = form.get("refresh_token") ?? "";
        return { asking: await bySession(refresh), wish: { refresh } };
      }
      case exchange:
        return { asking: await byIdToken(form, request), wish };
      default:
        throw bad("grant_type: give password, refresh_token or token-exchange");
    }
  }

  async function byPassword(
    credentials: { readonly name: string; readonly password: string },
    request: FastifyRequest,
  ): Promise<Asking> {
    const { name, password } = credentials;
    const machine = await findMachineToken(store, password, now());
    if (machine?.name === name) {
      return { principal: { name, method: "machine" }, scopes: machine.scopes, until: machine.expiresAt };
    }
    await logins.login(credentials, holderOf(addressOf(request)));
    return await ofUser(name);
  }

  async function bySession(text: string): Promise<Asking> {
    const digest = opaqueDigest("refresh", text);
    const found = digest === undefined ? undefined : await store.session(digest);
    const isGood = found !== undefined && found.expiresAt > now() && (await mayGoOn(found.user));
    if (!isGood) throw new RefusedError("UNAUTHORIZED", "The session is over: log in again.");
    return await ofUser(found.user);
  }

  async function byIdToken(form: URLSearchParams, request: FastifyRequest): Promise<Asking> {
    if (oidc === undefined) throw bad("grant_type: this server knows no identity provider");
    const type = form.get("subject_token_type");
    if (type !== tokenType("id_token") && type !== tokenType("jwt"))
      throw bad("subject_token_type: only ID tokens are exchanged");
    const wantedType = form.get("requested_token_type");
    if (wantedType !== null && wantedType !== tokenType("access_token"))
      throw bad("requested_token_type: only access tokens are given");
    if (form.has("actor_token")) throw bad("actor_token: nobody acts for somebody else here");
    checkService(form.get("audience"));
    const { name, scopes, until } = await oidc.identify(form.get("subject_token") ?? "", addressOf(request));
    if (scopes !== undefined) {
      const all = [...scopes, ...(await store.permissionsOf(undefined))];
      return { principal: { name, method: "oidc" }, scopes: all, until };
    }
    if (!(await mayGoOn(name)))
      throw new ExchangeRefusal("FORBIDDEN", "This user is disabled here: ask who runs this server.", {
        principal: { name, method: "oidc" },
      });
    return await ofUser(name);
  }

  /** Whoever an identity provider knows need not be known here, but may be disabled. */
  async function mayGoOn(name: string): Promise<boolean> {
    if (!isOidcName(name)) return await logins.isStillKnown(name);
    return oidc?.people !== undefined && (await store.user(name))?.disabled !== true;
  }

  async function ofUser(name: string): Promise<Asking> {
    const scopes = await store.permissionsOf(name);
    const method = isOidcName(name) ? "oidc" : "password";
    return { principal: { name, method }, scopes, until: Number.POSITIVE_INFINITY };
  }

  async function anonymous(): Promise<Asking> {
    const scopes = await store.permissionsOf(undefined);
    return { principal: { name: "", method: "none" }, scopes, until: Number.POSITIVE_INFINITY };
  }

  /** Only people whose passwords are here have sessions, and those who log in by an identity provider. */
  async function session({ principal: { name, method } }: Asking): Promise<string | undefined> {
    const isPerson = method === "password" || (method === "oidc" && isOidcName(name));
    if (!isPerson || !(await mayGoOn(name))) return undefined;
    const lasts = method === "oidc" ? (oidc?.sessionLifetime ?? 0) : sessionLifetime;
    const { text, digest } = makeOpaqueToken("refresh");
    const createdAt = now();
    await store.addSession({ digest, user: name, createdAt, expiresAt: createdAt + lasts });
    return text;
  }

  async function answer(
    reply: FastifyReply,
    request: FastifyRequest,
    parameters: URLSearchParams,
    asking: Asking,
    wish: SessionWish,
  ): Promise<FastifyReply> {
    const { principal, scopes, until } = asking;
    checkService(parameters.get("service"));
    const access = grantedEntries(wanted(parameters), scopes);
    const at = now();
    // At least a second: a token that ends when it begins is none.
    const lifetime = Math.max(1_000, Math.min(tokenLifetime, until - at));
    const token = await minter.mint({ principal, access, at, lifetime });
    const { name, method } = principal;
    const isAdministrator = access.some(
      ({ type, actions }) => type === "vidimus" && actions.includes("admin"),
    );
    if (isAdministrator) await builtin.onAdministrator({ name, method, address: addressOf(request) });
    // Last: nobody would have the session of a request that is refused, and one that goes on may give way to it.
    const refresh = wish === "new" ? await session(asking) : wish?.refresh;
    const body = {
      token,
      access_token: token,
      token_type: "Bearer",
      ...(method === "oidc" && { issued_token_type: tokenType("access_token"), name }),
      expires_in: Math.floor(lifetime / 1_000),
      issued_at: new Date(at).toISOString(),
      scope: access.map(({ type, name: of, actions }) => `${type}:${of}:${actions.join(",")}`).join(" "),
      ...(refresh !== undefined && { refresh_token: refresh }),
    };
    return await sendJson(reply, JSON.stringify(body));
  }

  function checkService(given: string | null): void {
    if (given !== null && given !== service) throw bad("service: this server signs tokens for itself alone");
  }
}

/** In any number of parameters, between spaces. */
function wanted(parameters: URLSearchParams): readonly AccessEntry[] {
  const texts = parameters.getAll("scope").flatMap((text) => text.split(" ").filter((each) => each !== ""));
  if (texts.length > mostScopes) throw bad(`scope: give at most ${mostScopes}`);
  return texts.map((text) => parseScope(text) ?? fail("scope: write TYPE:NAME:ACTIONS"));
}

function queryOf(request: FastifyRequest): URLSearchParams {
  const { meaning } = request;
  return new URLSearchParams(meaning.kind === "token" ? meaning.query : "");
}

function fail(what: string): never {
  throw bad(what);
}

function bad(what: string): MalformedError {
  return new MalformedError("BAD_PARAMETER", `Mend the request for a token (${what}).`);
}
