/**
 * The management API of who may do what. Administrators alone, but for three things: whoever is a user may change their own
 * password, giving the present one, see and end their own logins, and list the tokens that were made for them.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";
import { RefusedError } from "../../core/errors.ts";
import type { UserSession } from "../../service/access/administration.ts";
import { isOidcName, subjectText } from "../../service/access/evaluate.ts";
import type { Principal } from "../../service/service.ts";
import type { MachineToken, Permission, Team, User } from "../../store/contract/access.ts";
import type { BuiltinAccess } from "../auth/builtin.ts";
import { holderOf } from "../auth/rate.ts";
import { forbidden } from "../auth/refusal.ts";
import type { ByteBudget } from "../budget.ts";
import { addressOf, sendJson } from "../exchange.ts";
import { withJson } from "../json-body.ts";
import type { PeopleRoute } from "../manage-routes.ts";
import type { AppOptions } from "../options.ts";
import { bad, checked, meaning, parameters } from "./asking.ts";
import { explanationOf, subjectIn, warningsOf } from "./explaining.ts";
import * as schemas from "./people-schemas.ts";

const largestBody = 64 * 1024;
const defaultPage = 200;
const largestPage = 1_000;

/** What a page of a list is, with the name that the next one comes after. */
interface Listed {
  readonly name: string;
}

export async function peopleApi(
  app: FastifyInstance,
  { options, budget }: { options: AppOptions; budget: ByteBudget },
): Promise<void> {
  const { builtin } = options;
  const parts = (): BuiltinAccess => {
    if (builtin !== undefined) return builtin;
    throw new RefusedError("NOT_FOUND", "This server knows no people: it needs auth.mode builtin for that.");
  };
  const administration = () => parts().administration;

  const withBody = async <S extends z.ZodType>(
    request: FastifyRequest,
    schema: S,
    use: (body: z.output<S>) => Promise<void>,
  ): Promise<void> => {
    parts();
    options.service.checkWritable();
    await withJson(
      request.raw,
      largestBody,
      budget,
      async (value) => await use(checked(schema, value, "body")),
    );
  };
  /** For what is changed without a body. */
  const changing = () => {
    const found = administration();
    options.service.checkWritable();
    return found;
  };

  const answer = async (reply: FastifyReply, body: object, code = 200) =>
    await sendJson(reply.code(code), JSON.stringify(body));
  const isDone = async (reply: FastifyReply, code = 200) =>
    await answer(reply, { format: "vidimus-done/1" }, code);

  const list = async <T extends Listed>(
    request: FastifyRequest,
    kind: "users" | "teams" | "tokens",
    find: (page: { after?: string; limit: number }) => Promise<readonly T[]>,
    show: (found: T) => object,
  ) => {
    const { after, limit } = checked(schemas.pageQuery, parameters(meaning(request, kind).query), "query");
    const most = limit === undefined ? defaultPage : Number(limit);
    if (most < 1 || most > largestPage) throw bad("limit: give 1 to 1000");
    const found = await find({ limit: most, ...(after !== undefined && { after }) });
    const next = found.length === most ? found.at(-1)?.name : undefined;
    return { format: `vidimus-${kind}/1`, [kind]: found.map(show), ...(next !== undefined && { next }) };
  };
  const route = (kind: PeopleRoute["kind"]) =>
    `/manage/people/${kind.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

  app.get(route("users"), async (request, reply) => {
    const { store } = administration();
    return await answer(reply, await list(request, "users", (page) => store.users(page), userDocument));
  });
  app.post(route("addUser"), async (request, reply) => {
    await withBody(request, schemas.addUserBody, async ({ name, password }) => {
      await administration().addUser(name, password, request.grant.principal);
    });
    return await isDone(reply, 201);
  });
  app.post(route("changeUser"), async (request, reply) => {
    const { name } = meaning(request, "changeUser");
    await withBody(request, schemas.changeUserBody, async ({ disabled }) => {
      await administration().setDisabled(name, disabled, request.grant.principal);
    });
    return await isDone(reply);
  });
  app.delete(route("removeUser"), async (request, reply) => {
    await changing().removeUser(meaning(request, "removeUser").name, request.grant.principal);
    return await isDone(reply);
  });
  app.post(route("changePassword"), async (request, reply) => {
    const { name } = meaning(request, "changePassword");
    await withBody(request, schemas.passwordBody, async ({ password, current }) => {
      await checkMayChange(request, name, current);
      const sessions = await administration().setPassword(name, password, request.grant.principal);
      await answer(reply, { format: "vidimus-done/1", sessions });
    });
    return reply;
  });
  app.get(route("sessions"), async (request, reply) => {
    const { name } = meaning(request, "sessions");
    const found = administration();
    checkOwn(request, name, "see the logins of somebody else");
    const sessions = (await found.sessions(name)).map(sessionDocument);
    return await answer(reply, { format: "vidimus-sessions/1", sessions });
  });
  app.delete(route("endSessions"), async (request, reply) => {
    const { name, session } = meaning(request, "endSessions");
    const found = changing();
    checkOwn(request, name, "end the logins of somebody else");
    const sessions = await found.endSessions(name, session, request.grant.principal);
    return await answer(reply, { format: "vidimus-done/1", sessions });
  });

  app.get(route("teams"), async (request, reply) => {
    const { store } = administration();
    return await answer(reply, await list(request, "teams", (page) => store.teams(page), teamDocument));
  });
  app.post(route("addTeam"), async (request, reply) => {
    await withBody(request, schemas.addTeamBody, async ({ name }) => {
      await administration().addTeam(name, request.grant.principal);
    });
    return await isDone(reply, 201);
  });
  app.delete(route("removeTeam"), async (request, reply) => {
    await changing().removeTeam(meaning(request, "removeTeam").name, request.grant.principal);
    return await isDone(reply);
  });
  app.put(route("addMember"), async (request, reply) => {
    const { team, name } = meaning(request, "addMember");
    await changing().addMember(team, name, request.grant.principal);
    return await answer(reply, { format: "vidimus-done/1", ...(await warningsOf(parts().logins, name)) });
  });
  app.delete(route("removeMember"), async (request, reply) => {
    const { team, name } = meaning(request, "removeMember");
    await changing().removeMember(team, name, request.grant.principal);
    return await isDone(reply);
  });

  app.get(route("tokens"), async (request, reply) => {
    const { store } = administration();
    const { principal } = request.grant;
    if (!isAdministrator(request) && !isPerson(principal)) throw forbidden();
    const own = isAdministrator(request) ? {} : { owner: principal.name };
    const found = await list(
      request,
      "tokens",
      (page) => store.machineTokens({ ...page, ...own }),
      tokenDocument,
    );
    return await answer(reply, found);
  });
  app.post(route("addToken"), async (request, reply) => {
    await withBody(request, schemas.addTokenBody, async ({ name, owner = "", scopes, lifetime }) => {
      const wanted = { name, owner, scopes, lifetime: lifetime * 1_000 };
      const { text, expiresAt } = await administration().addMachineToken(wanted, request.grant.principal);
      const warnings = owner === "" ? {} : await warningsOf(parts().logins, owner);
      const made = { format: "vidimus-token/1", name, token: text, expires: instant(expiresAt) };
      await answer(reply, { ...made, ...warnings }, 201);
    });
    return reply;
  });
  app.delete(route("revokeToken"), async (request, reply) => {
    await changing().revokeMachineToken(meaning(request, "revokeToken").name, request.grant.principal);
    return await isDone(reply);
  });

  app.get(route("permissions"), async (_request, reply) => {
    const permissions = (await administration().store.permissions()).map(permissionDocument);
    return await answer(reply, { format: "vidimus-permissions/1", permissions });
  });
  app.put(route("setPermission"), async (request, reply) => {
    await withBody(request, schemas.permission, async ({ subject, pattern, actions }) => {
      const permission = { subject: subjectIn(subject), pattern, actions: [...new Set(actions)] };
      await administration().setPermission(permission, request.grant.principal);
      const { kind, name } = permission.subject;
      const warnings = kind === "user" ? await warningsOf(parts().logins, name) : {};
      await answer(reply, { format: "vidimus-done/1", ...warnings });
    });
    return reply;
  });
  app.delete(route("removePermission"), async (request, reply) => {
    const { query } = meaning(request, "removePermission");
    const { subject, pattern } = checked(schemas.permissionQuery, parameters(query), "query");
    await changing().removePermission(subjectIn(subject), pattern, request.grant.principal);
    return await isDone(reply);
  });
  app.get(route("explain"), async (request, reply) => {
    const asked = checked(schemas.explainQuery, parameters(meaning(request, "explain").query), "query");
    const { logins, now } = parts();
    return await answer(reply, await explanationOf(asked, { store: administration().store, logins, now }));
  });

  /** Failures with the present password count like failed logins. */
  async function checkMayChange(
    request: FastifyRequest,
    name: string,
    current: string | undefined,
  ): Promise<void> {
    if (isAdministrator(request)) return;
    checkOwn(request, name, "change the password of somebody else");
    if (current === undefined) throw bad("current: give your present password");
    try {
      await parts().logins.login({ name, password: current }, holderOf(addressOf(request)));
    } catch (error) {
      const isWrong = error instanceof RefusedError && error.code === "UNAUTHORIZED";
      throw isWrong ? forbidden("The present password is another one: try again.") : error;
    }
  }
}

/** A machine may have a name that is a user's, too. A job never has one that an identity provider's people have. */
function checkOwn(request: FastifyRequest, name: string, what: string): void {
  const { principal } = request.grant;
  if (isAdministrator(request) || (isPerson(principal) && principal.name === name)) return;
  throw forbidden(`Only an administrator can ${what}.`);
}

function isPerson({ method, name }: Principal): boolean {
  return method === "password" || (method === "oidc" && isOidcName(name));
}

function isAdministrator({ grant }: FastifyRequest): boolean {
  return grant.may({ kind: "server", action: "admin" });
}

function userDocument({ name, password, disabled, createdAt }: User) {
  return { name, created: instant(createdAt), disabled, password: password !== "" };
}

function sessionDocument({ id, createdAt, expiresAt }: UserSession) {
  return { id, created: instant(createdAt), expires: instant(expiresAt) };
}

function teamDocument({ name, createdAt, members }: Team) {
  return { name, created: instant(createdAt), members };
}

function tokenDocument({ name, owner, scopes, createdAt, expiresAt, revokedAt }: MachineToken) {
  const ends = {
    expires: instant(expiresAt),
    ...(revokedAt !== undefined && { revoked: instant(revokedAt) }),
  };
  return { name, owner, scopes, created: instant(createdAt), ...ends };
}

function permissionDocument({ subject, pattern, actions }: Permission) {
  return { subject: subjectText(subject), pattern, actions };
}

function instant(at: number): string {
  return new Date(at).toISOString();
}
