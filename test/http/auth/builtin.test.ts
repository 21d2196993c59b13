/** The built-in token endpoint and the management of who may do what, over the wire. */
import { decodeJwt, decodeProtectedHeader } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Right } from "../../../src/client/fetch/fetcher.ts";
import { scopeOf } from "../../../src/client/fetch/token.ts";
import { operatorToken, service } from "../../support/builtin.ts";
import { startServer, type TestServer } from "../../support/server.ts";
import { bearing } from "../../support/token-service.ts";

const repository = "registry.example.test/team/app";
const file = `/v2/${repository}/_trust/tuf/root.json`;
const password = "a long password";
const day = 86_400_000;

let server: TestServer;
beforeEach(async () => {
  server = await startServer({
    builtin: { askRegistry: async (given) => given.name === "reg" && given.password === "of the registry" },
  });
});
afterEach(async () => await server.close());

const operator = bearing(operatorToken);
const basic = (name: string, given = password) => ({
  authorization: `Basic ${Buffer.from(`${name}:${given}`).toString("base64")}`,
});

async function manage(
  method: string,
  path: string,
  body?: object,
  headers: Record<string, string> = operator,
) {
  const answer = await server.request(`/api/v1/${path}`, {
    method,
    headers: { ...headers, ...(body && { "content-type": "application/json" }) },
    ...(body && { body: Buffer.from(JSON.stringify(body)) }),
  });
  return { status: answer.status, code: answer.code, body: JSON.parse(answer.body.toString() || "null") };
}
const addUser = (name: string, given: string | undefined = password) =>
  manage("POST", "users", { name, ...(given !== "" && { password: given }) });
const allow = (subject: string, pattern: string, ...actions: string[]) =>
  manage("PUT", "permissions", { subject, pattern, actions });

async function ask(scope: string, headers: Record<string, string> = {}, more = "") {
  const query = `service=${service}${scope === "" ? "" : `&scope=${encodeURIComponent(scope)}`}${more}`;
  const answer = await server.get(`/token?${query}`, headers);
  return { answer, body: JSON.parse(answer.body.toString()) as Record<string, string> };
}
async function form(fields: Record<string, string>) {
  const answer = await server.request("/token", {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: Buffer.from(new URLSearchParams({ service, ...fields }).toString()),
  });
  return { answer, body: JSON.parse(answer.body.toString()) as Record<string, string> };
}
const tokenOf = async (scope: string, headers?: Record<string, string>) =>
  bearing((await ask(scope, headers)).body.token ?? "");
const readWith = async (headers: Record<string, string>) => (await server.get(file, headers)).status;
const pull = `repository:${repository}:pull`;
/** Allowed, and there is no such repository. */
const allowed = 404;

describe("a token", () => {
  it("says what was asked and is permitted, for a short time, to this server alone", async () => {
    await addUser("alice");
    await allow("user:alice", "registry.example.test/team/*", "pull", "push");
    const { answer, body } = await ask(`${pull},push,*`, basic("alice"));
    expect(answer.status).toBe(200);
    expect(answer.headers["cache-control"]).toBe("no-store");
    expect(body).toMatchObject({ expires_in: 300, access_token: body.token });
    const at = server.clock.now() / 1_000;
    expect(decodeJwt(body.token ?? "")).toMatchObject({
      sub: "alice",
      aud: service,
      iat: at,
      nbf: at,
      exp: at + 300,
      access: [{ type: "repository", name: repository, actions: ["pull", "push"] }],
    });
    expect(decodeProtectedHeader(body.token ?? "").alg).toBe("ES256");
    expect(await readWith(bearing(body.token ?? ""))).toBe(allowed);
    server.clock.advance(400_000);
    expect(await readWith(bearing(body.token ?? ""))).toBe(401);
  });

  it("without credentials says what anyone may, and nothing else", async () => {
    expect(await readWith(await tokenOf(pull))).toBe(401);
    await allow("anyone", "registry.example.test/**", "pull");
    expect(await readWith(await tokenOf(pull))).toBe(allowed);
    expect((await ask(`${pull},push`)).body.scope).toBe(pull);
  });

  it("is the same for a repository that is there and for one that is not", async () => {
    await addUser("alice");
    expect((await ask(pull, basic("alice"))).body.scope).toBe("");
    expect((await ask("repository:nothing/there:pull", basic("alice"))).body.scope).toBe("");
  });

  it.each(["Basic !!!!", "Basic", "Basic YTpi YTpi", "Basic YQ==", "Bearer abc", "Digest a=b"])(
    "with credentials that are none (%s) is none, and the challenge says what to bring",
    async (authorization) => {
      await allow("anyone", "**", "pull");
      const { answer } = await ask(pull, { authorization });
      expect([answer.status, answer.code]).toEqual([401, "UNAUTHORIZED"]);
      expect(answer.headers["www-authenticate"]).toBe(`Basic realm="${service}"`);
    },
  );

  it.each(["alice", "nobody"])("with wrong credentials of %s is none, with the same answer", async (name) => {
    await addUser("alice");
    await allow("anyone", "**", "pull");
    const { answer } = await ask(pull, basic(name, "wrong password"));
    expect([answer.status, answer.code]).toEqual([401, "UNAUTHORIZED"]);
    expect(answer.headers["www-authenticate"]).toBe(`Basic realm="${service}"`);
    expect(answer.body.toString()).not.toContain(name);
  });

  it("for another service is none", async () => {
    const answer = await server.get("/token?service=registry");
    expect([answer.status, answer.code]).toEqual([400, "BAD_PARAMETER"]);
  });

  it.each([
    ["GET", "/token?scope=nonsense"],
    ["GET", `/token?${"scope=a:b:c&".repeat(51)}`],
  ])("for %s %s is none", async (method, path) => {
    expect((await server.request(path, { method })).code).toBe("BAD_PARAMETER");
  });

  it("of who is disabled or removed is no more to be had", async () => {
    await addUser("alice");
    await manage("POST", "users/alice", { disabled: true });
    expect((await ask(pull, basic("alice"))).answer.status).toBe(401);
    await manage("POST", "users/alice", { disabled: false });
    expect((await ask(pull, basic("alice"))).answer.status).toBe(200);
    await manage("DELETE", "users/alice");
    expect((await ask(pull, basic("alice"))).answer.status).toBe(401);
  });

  it("is given by permissions of a team", async () => {
    await addUser("alice");
    await manage("POST", "teams", { name: "dev" });
    await allow("team:dev", repository, "pull");
    expect((await ask(pull, basic("alice"))).body.scope).toBe("");
    await manage("PUT", "teams/dev/members/alice");
    expect((await ask(pull, basic("alice"))).body.scope).toBe(pull);
    await manage("DELETE", "teams/dev/members/alice");
    expect((await ask(pull, basic("alice"))).body.scope).toBe("");
  });

  it("is had with the password of the registry, by permissions of ours", async () => {
    await allow("user:reg", repository, "pull");
    expect((await ask(pull, basic("reg", "of the registry"))).body.scope).toBe(pull);
    expect((await ask(pull, basic("reg", "of nobody"))).answer.status).toBe(401);
    await addUser("reg", "");
    await manage("POST", "users/reg", { disabled: true });
    expect((await ask(pull, basic("reg", "of the registry"))).answer.status).toBe(401);
  });
});

describe("a challenge", () => {
  const ofServer = (action: "catalog" | "audit" | "admin" | "known") => ({ of: "server", action }) as const;
  it.each<[string, Right]>([
    ["/api/v1/proposals", ofServer("catalog")],
    ["/v2/_trust/changefeed", ofServer("catalog")],
    ["/api/v1/audit/keys", ofServer("audit")],
    ["/api/v1/audit/trail", ofServer("audit")],
    ["/api/v1/expiring", ofServer("audit")],
    ["/api/v1/retention", ofServer("admin")],
    ["/api/v1/users", ofServer("admin")],
    ["/api/v1/tokens", ofServer("known")],
    [file, { of: "repository", repository, actions: "pull" }],
  ])("of %s states the scope that our client asks for", async (path, right) => {
    const { status, headers } = await server.get(path);
    expect(status).toBe(401);
    const scope = scopeOf(right);
    const said = scope === undefined ? "" : `,scope="${scope}"`;
    expect(headers["www-authenticate"]).toBe(
      `Bearer realm="https://vidimus.example.test/token",service="${service}"${said}`,
    );
  });
});

describe("a session", () => {
  const login = () =>
    form({ grant_type: "password", username: "alice", password, access_type: "offline", scope: pull });
  const goOn = (token: string) => form({ grant_type: "refresh_token", refresh_token: token, scope: pull });

  beforeEach(async () => {
    await addUser("alice");
    await allow("user:alice", repository, "pull");
  });

  it("goes on by its refresh token, which opens nothing itself", async () => {
    const { body } = await login();
    const refresh = body.refresh_token ?? "";
    expect(refresh).toMatch(/^vdr_/);
    const next = await goOn(refresh);
    expect(next.answer.status).toBe(200);
    expect(next.body.refresh_token).toBe(refresh);
    expect(await readWith(bearing(next.body.access_token ?? ""))).toBe(allowed);
    expect(await readWith(bearing(refresh))).toBe(401);
    expect((await ask("", basic("alice", refresh))).answer.status).toBe(401);
  });

  it("is asked for by GET, too", async () => {
    expect((await ask(pull, basic("alice"), "&offline_token=true")).body.refresh_token).toMatch(/^vdr_/);
    expect((await ask(pull, basic("alice"))).body.refresh_token).toBeUndefined();
    expect((await ask(pull, {}, "&offline_token=true")).body.refresh_token).toBeUndefined();
    expect(
      (await ask(pull, basic("reg", "of the registry"), "&offline_token=true")).body.refresh_token,
    ).toBeUndefined();
  });

  it.each<[string, () => Promise<unknown> | unknown]>([
    ["its time", () => server.clock.advance(day)],
    ["another password", () => manage("POST", "users/alice/password", { password: "another password" })],
    ["being disabled", () => manage("POST", "users/alice", { disabled: true })],
    ["being removed", () => manage("DELETE", "users/alice")],
  ])("ends with %s", async (_name, end) => {
    const { body } = await login();
    await end();
    expect((await goOn(body.refresh_token ?? "")).answer.status).toBe(401);
  });

  it.each(["", "vdr_", `vdr_${"a".repeat(43)}`, "x".repeat(10_000)])(
    "is not gone on with by %j",
    async (text) => {
      expect((await goOn(text)).answer.status).toBe(401);
    },
  );

  it.each<[string, Record<string, string>]>([
    ["scope", { scope: "nonsense" }],
    ["service", { service: "registry" }],
  ])("is not begun by a request with a bad %s, and none gives way to it", async (_name, bad) => {
    const { body } = await login();
    const ask = { grant_type: "password", username: "alice", password, access_type: "offline", ...bad };
    for (let count = 0; count < 20; count++) expect((await form(ask)).answer.code).toBe("BAD_PARAMETER");
    const query = new URLSearchParams({ service, offline_token: "true", ...bad });
    expect((await server.get(`/token?${query}`, basic("alice"))).code).toBe("BAD_PARAMETER");
    expect((await manage("GET", "users/alice/sessions")).body.sessions).toHaveLength(1);
    expect((await goOn(body.refresh_token ?? "")).answer.status).toBe(200);
  });

  it("that is over is none that can be ended", async () => {
    await login();
    const [{ id }] = (await manage("GET", "users/alice/sessions")).body.sessions;
    server.clock.advance(day);
    expect(await manage("DELETE", `users/alice/sessions/${id}`)).toMatchObject({ code: "NOT_FOUND" });
    expect((await manage("DELETE", "users/alice/sessions")).body.sessions).toBe(0);
  });

  it.each(["", "client_credentials"])("is not begun by the grant %j", async (grant_type) => {
    expect((await form({ grant_type })).answer.code).toBe("BAD_PARAMETER");
  });
});

describe("a token of a machine", () => {
  const scopes = [{ pattern: repository, actions: ["pull"] }];
  const make = async (more: object = {}) =>
    await manage("POST", "tokens", { name: "ci", scopes, lifetime: 3_600, ...more });

  it("opens what it is for, by itself and as a password, until it is revoked", async () => {
    const { body, status } = await make();
    expect(status).toBe(201);
    expect(body.token).toMatch(/^vdm_/);
    expect(await readWith(bearing(body.token))).toBe(allowed);
    expect((await server.get("/v2/other/_trust/tuf/root.json", bearing(body.token))).status).toBe(401);
    const { body: got } = await ask(`${pull},push`, basic("ci", body.token));
    expect(got.scope).toBe(pull);
    expect(decodeJwt(got.token ?? "").iss).toBe(`${service}#machine`);
    expect((await ask(pull, basic("other", body.token))).answer.status).toBe(401);
    expect((await manage("DELETE", "tokens/ci")).status).toBe(200);
    expect(await readWith(bearing(body.token))).toBe(401);
    expect((await ask(pull, basic("ci", body.token))).answer.status).toBe(401);
    expect(JSON.stringify((await manage("GET", "tokens")).body)).not.toContain(body.token);
  });

  it("ends with its time", async () => {
    const { body } = await make();
    server.clock.advance(3_599_999);
    expect(await readWith(bearing(body.token))).toBe(allowed);
    server.clock.advance(1);
    expect(await readWith(bearing(body.token))).toBe(401);
  });

  it("ends when its owner is disabled or removed", async () => {
    await addUser("alice");
    const { body } = await make({ owner: "alice" });
    await manage("POST", "users/alice", { disabled: true });
    expect(await readWith(bearing(body.token))).toBe(401);
    await manage("POST", "users/alice", { disabled: false });
    expect(await readWith(bearing(body.token))).toBe(allowed);
    await manage("DELETE", "users/alice");
    expect(await readWith(bearing(body.token))).toBe(401);
  });

  it.each([
    [{ scopes: [] }, 400],
    [{ scopes: [{ pattern: "a*", actions: ["pull"] }] }, 400],
    [{ scopes: [{ pattern: "a", actions: ["admin"] }] }, 400],
    [{ lifetime: 367 * 86_400 }, 400],
    [{ name: "a b" }, 400],
  ])("is not made with %j", async (more, status) => {
    expect((await make(more)).status).toBe(status);
    expect((await manage("GET", "tokens")).body.tokens).toEqual([]);
  });

  it("has a name of its own", async () => {
    await make();
    expect(await make()).toMatchObject({ status: 409, code: "NAME_TAKEN" });
  });
});

describe("whoever is a user", () => {
  beforeEach(async () => {
    await addUser("alice");
    await addUser("bob");
  });
  const own = (name: string, body: object, user = "alice") =>
    tokenOf("", basic(user)).then((headers) => manage("POST", `users/${name}/password`, body, headers));

  it("changes their own password, giving the present one", async () => {
    const next = "another password";
    expect(await own("alice", { password: next })).toMatchObject({ status: 400 });
    expect(await own("alice", { password: next, current: "wrong password" })).toMatchObject({ status: 403 });
    expect((await ask("", basic("alice", next))).answer.status).toBe(401);
    expect(await own("alice", { password: "short", current: password })).toMatchObject({ status: 400 });
    expect(await own("alice", { password: next, current: password })).toMatchObject({ status: 200 });
    expect((await ask("", basic("alice", next))).answer.status).toBe(200);
    expect((await ask("", basic("alice"))).answer.status).toBe(401);
  });

  it("changes nobody else's", async () => {
    expect(await own("bob", { password: "another password", current: password })).toMatchObject({
      status: 403,
      code: "FORBIDDEN",
    });
    expect((await ask("", basic("bob"))).answer.status).toBe(200);
  });

  it("sees and ends the own logins, and a machine of the same name does not", async () => {
    const refresh = async () =>
      (await form({ grant_type: "password", username: "alice", password, access_type: "offline" })).body
        .refresh_token ?? "";
    const [first, second] = [await refresh(), await refresh()];
    const headers = await tokenOf("", basic("alice"));
    const list = async (by: Record<string, string> = headers) =>
      await manage("GET", "users/alice/sessions", undefined, by);
    const { body } = await list();
    expect(body.sessions).toHaveLength(2);
    for (const text of [first, second]) expect(JSON.stringify(body)).not.toContain(text);
    const scopes = [{ pattern: repository, actions: ["pull"] }];
    const machine = await manage("POST", "tokens", { name: "alice", scopes, lifetime: 3_600 });
    expect(await list(bearing(machine.body.token))).toMatchObject({ status: 403, code: "FORBIDDEN" });
    expect(await list(await tokenOf("", basic("bob")))).toMatchObject({ status: 403, code: "FORBIDDEN" });
    expect(await list({})).toMatchObject({ status: 401, code: "UNAUTHORIZED" });
    const end = async (id = "") => await manage("DELETE", `users/alice/sessions${id}`, undefined, headers);
    expect(await end("/0123456789abcdef")).toMatchObject({ status: 404, code: "NOT_FOUND" });
    expect(await end(`/${body.sessions[0].id}`)).toMatchObject({ status: 200, body: { sessions: 1 } });
    expect(await end()).toMatchObject({ status: 200, body: { sessions: 1 } });
    expect(await end()).toMatchObject({ status: 200, body: { sessions: 0 } });
    const { entries } = await server.store.audit.list({ direction: "forwards", limit: 100 });
    const ended = entries.filter(({ kind }) => kind === "user.sessions-ended");
    expect(ended.map(({ actor, detail }) => [actor.name, actor.method, detail])).toEqual([
      ["alice", "password", '{"sessions":1,"user":"alice"}'],
      ["alice", "password", '{"sessions":1,"user":"alice"}'],
    ]);
  });

  it("lists the tokens that were made for them", async () => {
    const scopes = [{ pattern: repository, actions: ["pull"] }];
    for (const [name, owner] of [
      ["ci", "alice"],
      ["other", "bob"],
    ]) {
      await manage("POST", "tokens", { name, owner, scopes, lifetime: 60 });
    }
    const listed = await manage("GET", "tokens", undefined, await tokenOf("", basic("alice")));
    expect(listed.body.tokens.map(({ name }: { name: string }) => name)).toEqual(["ci"]);
  });

  it("and has been made an administrator, administers", async () => {
    const scope = "vidimus:server:admin";
    expect((await manage("GET", "users", undefined, await tokenOf(scope, basic("alice")))).status).toBe(403);
    await allow("user:alice", "**", "admin");
    const found = await manage("GET", "users", undefined, await tokenOf(scope, basic("alice")));
    expect(found.body.users.map(({ name }: { name: string }) => name)).toEqual(["alice", "bob"]);
    expect(JSON.stringify(found.body)).not.toContain("scrypt");
  });
});

it("what administrators do is in the audit trail, and no secret", async () => {
  await addUser("alice");
  await allow("user:alice", "**", "admin");
  const headers = await tokenOf("vidimus:server:admin", basic("alice"));
  const { body } = await manage(
    "POST",
    "tokens",
    { name: "ci", scopes: [{ pattern: "a", actions: ["pull"] }], lifetime: 60 },
    headers,
  );
  const { entries } = await server.store.audit.list({ direction: "forwards", limit: 100 });
  expect(entries.map(({ kind, actor }) => `${kind} ${actor.method} ${actor.name} ${actor.address}`)).toEqual([
    "user.added operator operator 127.0.0.1",
    "permission.set operator operator 127.0.0.1",
    "administrator.logged-in password alice 127.0.0.1",
    "token.created password alice 127.0.0.1",
  ]);
  const text = JSON.stringify(entries);
  for (const secret of [password, "scrypt", body.token]) expect(text).not.toContain(secret);
});

describe("administration", () => {
  it("explains what it allows by the same rules", async () => {
    await addUser("alice");
    await allow("user:alice", "registry.example.test/*/app", "pull");
    const explain = async (action: string, name = repository) =>
      (
        await manage(
          "GET",
          `permissions/explain?subject=user:alice&action=${encodeURIComponent(action)}&repository=${encodeURIComponent(name)}`,
        )
      ).body;
    const by = { subject: "user:alice", pattern: "registry.example.test/*/app", actions: ["pull"] };
    expect(await explain("pull")).toMatchObject({ allowed: true, disabled: false, by });
    expect(await explain("push")).toMatchObject({ allowed: false, near: [by] });
    expect(await explain("pull", "other")).toMatchObject({ allowed: false, near: [] });
    await manage("POST", "users/alice", { disabled: true });
    expect(await explain("pull")).toMatchObject({ allowed: false, disabled: true });
  });

  it("lists and takes away what was given", async () => {
    await allow("anyone", "a/**", "pull");
    expect((await manage("GET", "permissions")).body.permissions).toEqual([
      { subject: "anyone", pattern: "a/**", actions: ["pull"] },
    ]);
    const drop = () => manage("DELETE", `permissions?subject=anyone&pattern=${encodeURIComponent("a/**")}`);
    expect((await drop()).status).toBe(200);
    expect(await drop()).toMatchObject({ status: 404, code: "NOT_FOUND" });
  });

  it.each<[string, string, object | undefined, number]>([
    ["POST", "users", { name: "a b" }, 400],
    ["POST", "users", { name: "alice", password: "short" }, 400],
    ["POST", "users", { name: "alice", other: 1 }, 400],
    ["POST", "users/nobody", { disabled: true }, 404],
    ["DELETE", "users/nobody", undefined, 404],
    ["DELETE", "users/%zz", undefined, 404],
    ["POST", "users/nobody/password", { password }, 404],
    ["DELETE", "teams/none", undefined, 404],
    ["PUT", "teams/none/members/alice", undefined, 404],
    ["DELETE", "tokens/none", undefined, 404],
    ["PUT", "permissions", { subject: "alice", pattern: "a", actions: ["pull"] }, 400],
    ["PUT", "permissions", { subject: "team:none", pattern: "a", actions: ["pull"] }, 404],
    ["PUT", "permissions", { subject: "user:alice", pattern: "a", actions: ["admin"] }, 400],
    ["GET", "users?limit=1001", undefined, 400],
    ["GET", "permissions/explain?subject=user:a&action=fly", undefined, 400],
    ["GET", "permissions/explain?subject=user:a&action=pull", undefined, 400],
  ])("refuses %s %s %j", async (method, path, body, status) => {
    expect((await manage(method, path, body)).status).toBe(status);
  });
});
