/**
 * The built-in token endpoint: Docker's token protocol by GET, and its OAuth2 form by POST (notary-protocol.md chapter 6).
 *
 * - Without credentials there is a token for what anyone may; with wrong ones there is none at all.
 * - The password of a machine is its token.
 * - A session goes on by a refresh token, which is opaque, hashed in the store, and worth nothing once its user is gone,
 *   disabled, or has another password.
 * - What was asked and is not allowed is left out of the token. Nobody learns by it whether a repository is there.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { MalformedError, RefusedError } from "../../core/errors.ts";
import { type AccessEntry, grantedEntries, mostScopes, parseScope } from "../../service/access/issuing.ts";
import { makeOpaqueToken, opaqueDigest } from "../../service/access/opaque-token.ts";
import { findMachineToken } from "../../service/access/opaque-tokens.ts";
import type { Principal, RefusalCounter } from "../../service/service.ts";
import type { Scope } from "../../store/access.ts";
import type { ByteBudget } from "../budget.ts";
import { errorAnswer } from "../errors.ts";
import { addressOf, sendError, sendJson } from "../exchange.ts";
import { withForm } from "../json-body.ts";
import type { BuiltinAccess } from "./builtin.ts";
import { holderOf } from "./rate.ts";
import { countRefusal } from "./refused.ts";

const largestForm = 16_384;

/** Who asks, and what the token may say at most. */
interface Asking {
  readonly principal: Pick<Principal, "name" | "method">;
  readonly scopes: readonly Scope[];
  /** Not after this instant. */
  readonly until: number;
}

interface Parts {
  readonly builtin: BuiltinAccess;
  readonly budget: ByteBudget;
  readonly refusals: RefusalCounter;
}

export async function tokenEndpoint(
  app: FastifyInstance,
  { builtin, budget, refusals }: Parts,
): Promise<void> {
  const { logins, administration, minter, service, tokenLifetime, sessionLifetime, now } = builtin;
  const { store } = administration;

  app.get("/token", async (request, reply) => {
    const query = queryOf(request);
    const asking = await byHeader(request);
    const isOffline = query.get("offline_token") === "true";
    return await answer(reply, request, query, asking, isOffline ? await session(asking) : undefined);
  });

  app.post("/token", async (request, reply) => {
    await withForm(request.raw, largestForm, budget, async (form) => {
      const { asking, refresh } = await byForm(form, request);
      return await answer(reply, request, form, asking, refresh);
    });
    return reply;
  });

  /** Only what credentials get wrong is told here, with a challenge of its own. */
  app.setErrorHandler(async (error, request, reply) => {
    if (!(error instanceof RefusedError) || error.code !== "UNAUTHORIZED") throw error;
    request.log.info({ code: error.code, from: request.ip }, error.message);
    const answer = errorAnswer(error);
    countRefusal(refusals, request, error, answer);
    return await sendError(reply, answer, request.method, `Basic realm="${service}"`);
  });

  async function byHeader(request: FastifyRequest): Promise<Asking> {
    const { authorization } = request.headers;
    if (authorization === undefined) return await anonymous();
    const [, text] = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(authorization) ?? [];
    if (text === undefined)
      throw new MalformedError("BAD_REQUEST", "Send name and password as Basic credentials.");
    const [name = "", ...rest] = Buffer.from(text, "base64").toString("utf8").split(":");
    return await byPassword({ name, password: rest.join(":") }, request);
  }

  async function byForm(form: URLSearchParams, request: FastifyRequest) {
    switch (form.get("grant_type")) {
      case "password": {
        const credentials = { name: form.get("username") ?? "", password: form.get("password") ?? "" };
        const asking = await byPassword(credentials, request);
        const isOffline = form.get("access_type") === "offline";
        return { asking, refresh: isOffline ? await session(asking) : undefined };
      }
      case "refresh_token": {
        const refresh = form.get("refresh_token") ?? "";
        return { asking: await bySession(refresh), refresh };
      }
      default:
        throw bad("grant_type: give password or refresh_token");
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
    const isGood = found !== undefined && found.expiresAt > now() && (await logins.isStillKnown(found.user));
    if (!isGood) throw new RefusedError("UNAUTHORIZED", "The session is over: log in again.");
    return await ofUser(found.user);
  }

  async function ofUser(name: string): Promise<Asking> {
    const scopes = await store.permissionsOf(name);
    return { principal: { name, method: "password" }, scopes, until: Number.POSITIVE_INFINITY };
  }

  async function anonymous(): Promise<Asking> {
    const scopes = await store.permissionsOf(undefined);
    return { principal: { name: "", method: "none" }, scopes, until: Number.POSITIVE_INFINITY };
  }

  /** Only people whose passwords are here have sessions. */
  async function session({ principal: { name, method } }: Asking): Promise<string | undefined> {
    if (method !== "password" || !(await logins.isStillKnown(name))) return undefined;
    const { text, digest } = makeOpaqueToken("refresh");
    const createdAt = now();
    await store.addSession({ digest, user: name, createdAt, expiresAt: createdAt + sessionLifetime });
    return text;
  }

  async function answer(
    reply: FastifyReply,
    request: FastifyRequest,
    parameters: URLSearchParams,
    { principal, scopes, until }: Asking,
    refresh: string | undefined,
  ): Promise<FastifyReply> {
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
    const body = {
      token,
      access_token: token,
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
