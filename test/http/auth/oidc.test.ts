/** ID tokens of an identity provider, exchanged over the wire: the good ones, and those that nobody may get in with. */
import { createHmac, createPublicKey, generateKeyPairSync } from "node:crypto";
import { decodeJwt } from "jose";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { FetchedKeys } from "../../../src/http/auth/provider-keys.ts";
import { operatorToken, service } from "../../support/builtin.ts";
import {
  audience,
  clientId,
  exchange,
  IdentityProvider,
  type IdTokenWish,
  idTokenType,
  issuer,
  repository,
} from "../../support/identity-provider.ts";
import { start, startServer, type TestServer } from "../../support/server.ts";
import { bearing } from "../../support/token-service.ts";

const file = `/v2/${repository}/_trust/tuf/root.json`;
const push = `repository:${repository}:push,pull`;
const at = start / 1_000;
const stranger = generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey;
const b64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

let provider: IdentityProvider;
beforeAll(() => {
  provider = new IdentityProvider(() => start);
});

const formTo = async (server: TestServer, fields: Record<string, string>) => {
  const answer = await server.request("/token", {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: Buffer.from(new URLSearchParams(fields).toString()),
  });
  const body = JSON.parse(answer.body.toString()) as Record<string, string | number>;
  const incident = answer.headers["vidimus-incident"];
  return { status: answer.status, code: answer.code, body, text: answer.body.toString(), incident };
};
const exchanged = (server: TestServer, subject_token: string, more: Record<string, string> = {}) =>
  formTo(server, {
    grant_type: exchange,
    subject_token,
    subject_token_type: idTokenType,
    service,
    scope: push,
    ...more,
  });

describe("a workload", () => {
  let server: TestServer;
  const log: object[] = [];
  beforeAll(async () => {
    server = await startServer({ builtin: { oidc: await provider.oidc({ log }) } });
  });
  afterAll(async () => await server?.close());
  const ask = async (wish: IdTokenWish = {}, more?: Record<string, string>) =>
    await exchanged(server, await provider.token(wish), more);

  it("gets a short token of ours for what its rules give, and no more", async () => {
    const { status, body } = await ask({}, { scope: `${push},* repository:other:pull vidimus:server:admin` });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      token_type: "Bearer",
      issued_token_type: "urn:ietf:params:oauth:token-type:access_token",
      expires_in: 300,
      name: "ci:repo:acme/app:ref:refs/heads/main",
      scope: push,
    });
    expect(body).not.toHaveProperty("refresh_token");
    expect(decodeJwt(String(body.token))).toMatchObject({
      iss: `${service}#oidc`,
      sub: "ci:repo:acme/app:ref:refs/heads/main",
      aud: service,
      exp: at + 300,
    });
    // Allowed, and there is no such repository.
    expect((await server.get(file, bearing(String(body.token)))).status).toBe(404);
    expect((await server.get("/v2/other/_trust/tuf/root.json", bearing(String(body.token)))).status).toBe(
      401,
    );
    expect((await server.get("/api/v1/users", bearing(String(body.token)))).status).toBe(403);
  });

  it("has what several rules give, and what anyone has", async () => {
    await server.request("/api/v1/permissions", {
      method: "PUT",
      headers: { ...bearing(operatorToken), "content-type": "application/json" },
      body: Buffer.from(JSON.stringify({ subject: "anyone", pattern: "open/*", actions: ["pull"] })),
    });
    const scope = `vidimus:server:audit repository:open/app:pull ${push}`;
    const { body } = await ask({ claims: { audited: true } }, { scope });
    expect(body.scope).toBe(scope);
  });

  it("gets no token that outlives its own", async () => {
    expect((await ask({ claims: { exp: at + 20 } })).body.expires_in).toBe(20);
  });

  it("gets no session", async () => {
    expect((await ask({}, { access_type: "offline" })).body).not.toHaveProperty("refresh_token");
  });

  it.each<[string, IdTokenWish]>([
    ["of a clock that is half a minute ahead", { claims: { iat: at + 30, nbf: at + 30 } }],
    ["that ended half a minute ago", { claims: { iat: at - 100, exp: at - 30 } }],
    ["without a type", { header: { typ: undefined } }],
    ["without a key ID, where there is one key", { header: { kid: undefined } }],
    ["for several, of which it names this one", { claims: { aud: ["other", audience], azp: audience } }],
    ["whose party is somebody else, for this one alone", { claims: { azp: "a-runner" } }],
  ])("is believed by a token %s", async (_name, wish) => {
    expect((await ask(wish)).status).toBe(200);
  });

  it.each<[string, string, IdTokenWish]>([
    ["for another audience", "audience", { claims: { aud: "https://registry.example.test" } }],
    ["for an audience that ours is a prefix of", "audience", { claims: { aud: `${audience}.evil` } }],
    ["for several, of which none is named", "party", { claims: { aud: ["other", audience] } }],
    ["for several, of which another is named", "party", { claims: { aud: ["o", audience], azp: "o" } }],
    ["of another issuer", "issuer", { claims: { iss: "https://evil.example.test" } }],
    ["of an issuer that ours is a prefix of", "issuer", { claims: { iss: `${issuer}/evil` } }],
    ["that has expired", "expired", { claims: { iat: at - 700, nbf: at - 700, exp: at - 61 } }],
    ["that is not valid yet", "not yet", { claims: { nbf: at + 61 } }],
    ["that was made in the future", "not yet", { claims: { iat: at + 61, nbf: at } }],
    ["that was made too long ago", "too old", { claims: { iat: at - 3_661, nbf: at - 3_661 } }],
    ["that lives longer than a day", "too long a life", { claims: { exp: at + 86_401 } }],
    ["without an end", "form", { without: ["exp"] }],
    ["without a beginning", "form", { without: ["iat"] }],
    ["without a subject", "form", { without: ["sub"] }],
    ["without an audience", "form", { without: ["aud"] }],
    ["whose end is a text", "form", { claims: { exp: "never" as never } }],
    ["that is an access token", "type", { header: { typ: "at+jwt" } }],
    ["that is a logout token", "type", { header: { typ: "logout+jwt" } }],
    ["of another key, under the trusted ID", "signature", { key: stranger }],
    ["of a key that is not known", "key", { header: { kid: "another" } }],
    ["whose algorithm is not allowed", "algorithm", { header: { alg: "PS256" } }],
    ["with an extension that must be understood", "form", { header: { crit: ["b64"], b64: true } }],
  ])("A14: a token %s is refused", async (_name, reason, wish) => {
    log.length = 0;
    const { status, code, body, text, incident } = await ask(wish);
    expect([status, code]).toEqual([400, "UNAUTHORIZED"]);
    expect(log).toEqual([{ from: "127.0.0.1", reason, incident: expect.stringMatching(/^[0-9a-f]{8}$/) }]);
    // Before anything was verified nothing is told but where the reason is to be found.
    expect(incident).toBe((log[0] as { incident: string }).incident);
    if (!["expired", "not yet", "too old"].includes(reason)) expect(text).toContain(`incident ${incident}`);
    expect(body).not.toHaveProperty("token");
    for (const secret of [issuer, audience, clientId, "acme", provider.kid])
      expect(text).not.toContain(secret);
  });

  it("A15: a key that a token brings or points to is not looked at", async () => {
    const jwk = await provider.publicJwk(stranger);
    for (const header of [
      { jwk },
      { jwk, kid: undefined },
      { jku: "https://evil.example.test/keys" },
      { x5u: "https://evil.example.test/chain" },
      { x5c: [stranger.export({ type: "pkcs1", format: "der" }).toString("base64")] },
    ]) {
      expect((await ask({ key: stranger, header })).code).toBe("UNAUTHORIZED");
      // And a good one does not become worse by them.
      expect((await ask({ header })).status).toBe(200);
    }
  });

  it.each(["none", "None", "nOnE", ""])("A1: algorithm %s is refused", async (alg) => {
    const [, payload] = (await provider.token()).split(".");
    for (const token of [`${b64({ alg, kid: provider.kid })}.${payload}.`, `${b64({ alg })}.${payload}.e30`])
      expect((await exchanged(server, token)).code).toBe("UNAUTHORIZED");
  });

  it("A2: signed with the public key as a secret is refused", async () => {
    const publicKey = createPublicKey(provider.key);
    const [, payload] = (await provider.token()).split(".");
    for (const secret of [
      publicKey.export({ type: "spki", format: "pem" }),
      publicKey.export({ type: "spki", format: "der" }),
      JSON.stringify(await provider.publicJwk()),
    ]) {
      for (const alg of ["HS256", "RS256"]) {
        const signed = `${b64({ alg, typ: "JWT", kid: provider.kid })}.${payload}`;
        const mac = createHmac("sha256", secret).update(signed).digest("base64url");
        expect((await exchanged(server, `${signed}.${mac}`)).code).toBe("UNAUTHORIZED");
      }
    }
  });

  it("with a member twice is refused", async () => {
    const [header, payload = "", signature] = (await provider.token()).split(".");
    const twice = Buffer.from(payload, "base64url").toString().replace("{", '{"sub":"other",');
    const token = `${header}.${Buffer.from(twice).toString("base64url")}.${signature}`;
    expect((await exchanged(server, token)).code).toBe("UNAUTHORIZED");
  });

  it.each(["", "a.b", "a.b.c.d", "x".repeat(16_385), "é.é.é", "vdm_abc"])(
    "that is no token at all is refused (%#)",
    async (text) => {
      expect((await exchanged(server, text)).code).toBe("UNAUTHORIZED");
    },
  );

  it.each<[string, Record<string, unknown>]>([
    ["a longer name", { repository: "acme/app-evil" }],
    ["a shorter name", { repository: "acme/ap" }],
    ["an owner that ends alike", { repository: "evil-acme/app" }],
    ["something before it", { repository: "evil/acme/app" }],
    ["another case", { repository: "Acme/app" }],
    ["a line that follows", { repository: "acme/app\n" }],
    ["a list in a list", { repository: [["acme/app"]] }],
    ["an object", { repository: { "acme/app": true } }],
    ["nothing", { repository: undefined }],
    ["another branch below", { ref: "refs/heads/main/../evil" }],
    ["a tag", { ref: "refs/tags/main" }],
    ["no branch", { ref: "refs/heads/" }],
  ])("A16: whose claim is %s gets nothing", async (_name, claims) => {
    log.length = 0;
    const { status, code, body } = await ask({ claims });
    expect([status, code]).toEqual([403, "FORBIDDEN"]);
    expect(log).toMatchObject([{ issuer, reason: "no rule" }]);
    expect(body).not.toHaveProperty("token");
  });

  it("A16: whose name could not be shown gets nothing", async () => {
    for (const sub of ["a b", "a\nb", "ü", "x".repeat(198)])
      expect((await ask({ claims: { sub } })).code).toBe("FORBIDDEN");
  });

  it.each<[string, Record<string, string>]>([
    ["another type of token", { subject_token_type: "urn:ietf:params:oauth:token-type:access_token" }],
    ["another type that is wanted", { requested_token_type: "urn:ietf:params:oauth:token-type:saml2" }],
    ["an actor", { actor_token: "a" }],
    ["another service", { service: "registry" }],
    ["another audience", { audience: "registry" }],
  ])("is not exchanged with %s", async (_name, more) => {
    expect((await ask({}, more)).code).toBe("BAD_PARAMETER");
  });
});

it("A17: key IDs that are made up ask the provider once a minute, and other tokens go on", async () => {
  let asked = 0;
  let now = start;
  const own = new IdentityProvider(() => now);
  const keys = new FetchedKeys({
    issuer,
    fetch: async () => {
      asked += 1;
      return await own.keySet();
    },
    now: () => now,
    logger: { warn: () => undefined },
  });
  const server = await startServer({ builtin: { oidc: await own.oidc({ keys, failuresPerMinute: 0 }) } });
  try {
    const unknown = async (kid: string) => await exchanged(server, await own.token({ header: { kid } }));
    for (let count = 0; count < 40; count++)
      expect((await unknown(`made-up-${count}`)).code).toBe("UNAUTHORIZED");
    expect(asked).toBe(1);
    expect((await exchanged(server, await own.token())).status).toBe(200);
    now += 60_000;
    server.clock.advance(60_000);
    await Promise.all([unknown("a"), unknown("b"), unknown("c")]);
    expect(asked).toBe(2);
  } finally {
    await server.close();
  }
});

it("who sends many bad tokens is not looked at for the rest of the minute", async () => {
  const server = await startServer({ builtin: { oidc: await provider.oidc({ failuresPerMinute: 3 }) } });
  try {
    const bad = await provider.token({ key: stranger });
    for (let count = 0; count < 3; count++) expect((await exchanged(server, bad)).code).toBe("UNAUTHORIZED");
    expect((await exchanged(server, bad)).code).toBe("TOO_MANY_REQUESTS");
    expect((await exchanged(server, await provider.token())).code).toBe("TOO_MANY_REQUESTS");
    server.clock.advance(60_000);
    expect((await exchanged(server, await provider.token())).status).toBe(200);
  } finally {
    await server.close();
  }
});

it("nobody is refused for a provider that cannot be asked", async () => {
  const keys = new FetchedKeys({
    issuer,
    fetch: async () => Promise.reject(new Error("no answer")),
    now: () => start,
    logger: { warn: () => undefined },
  });
  const server = await startServer({
    builtin: { oidc: await provider.oidc({ keys, failuresPerMinute: 1 }) },
  });
  try {
    for (const _ of [1, 2])
      expect(await exchanged(server, await provider.token())).toMatchObject({
        status: 503,
        code: "OVERLOADED",
      });
  } finally {
    await server.close();
  }
});

it("where no provider is known, nothing is exchanged and nobody is offered a login", async () => {
  const server = await startServer({ builtin: {} });
  try {
    expect((await exchanged(server, await provider.token())).code).toBe("BAD_PARAMETER");
    expect((await server.get("/api/v1/login")).status).toBe(404);
  } finally {
    await server.close();
  }
});

describe("a person", () => {
  let server: TestServer;
  beforeEach(async () => {
    server = await startServer({ builtin: { oidc: await provider.oidc() } });
  });
  afterEach(async () => await server.close());

  const manage = async (method: string, path: string, body?: object, headers = bearing(operatorToken)) =>
    await server.request(`/api/v1/${path}`, {
      method,
      headers: { ...headers, ...(body && { "content-type": "application/json" }) },
      ...(body && { body: Buffer.from(JSON.stringify(body)) }),
    });
  const allow = (subject: string, pattern: string, ...actions: string[]) =>
    manage("PUT", "permissions", { subject, pattern, actions });
  const login = async (claims: Record<string, unknown> = {}, scope = push) =>
    await exchanged(server, await provider.personToken(claims), { access_type: "offline", scope });
  const goOn = (refresh: unknown, scope = push) =>
    formTo(server, { grant_type: "refresh_token", refresh_token: String(refresh), service, scope });

  it("is told by which provider", async () => {
    expect(JSON.parse((await server.get("/api/v1/login")).body.toString())).toEqual({
      format: "vidimus-login/1",
      issuer,
      clientId,
      scopes: ["openid"],
      realm: "https://vidimus.example.test/token",
      service,
    });
  });

  it("has a session with the permissions of its name, until it is over", async () => {
    await allow("user:oidc:alice", repository, "pull");
    const { body } = await login();
    expect(body.scope).toBe(`repository:${repository}:pull`);
    expect(String(body.refresh_token)).toMatch(/^vdr_/);
    expect(decodeJwt(String(body.token))).toMatchObject({ iss: `${service}#oidc`, sub: "oidc:alice" });
    server.clock.advance(43_199_000);
    const next = await goOn(body.refresh_token);
    expect(decodeJwt(String(next.body.token))).toMatchObject({ iss: `${service}#oidc`, sub: "oidc:alice" });
    expect((await server.get(file, bearing(String(next.body.token)))).status).toBe(404);
    server.clock.advance(1_000);
    expect((await goOn(body.refresh_token)).code).toBe("UNAUTHORIZED");
  });

  it("A19: is nobody else of that name: not by a password, a registry, or a token", async () => {
    await allow("user:oidc:alice", repository, "pull");
    await manage("POST", "users", { name: "alice", password: "a long password" });
    await allow("user:alice", repository, "push");
    expect((await login()).body.scope).toBe(`repository:${repository}:pull`);
    for (const [path, body] of [
      ["users", { name: "oidc:alice", password: "a long password" }],
      ["users/oidc:alice/password", { password: "a long password" }],
      ["teams", { name: "oidc:alice" }],
      ["tokens", { name: "oidc:alice", lifetime: 60, scopes: [{ pattern: "a", actions: ["pull"] }] }],
    ] as const) {
      expect((await manage("POST", path, body)).status).toBe(400);
    }
  });

  it("by a password is nobody, whatever a registry says", async () => {
    const other = await startServer({
      builtin: { oidc: await provider.oidc(), askRegistry: async () => true },
    });
    try {
      const { code } = await formTo(other, {
        grant_type: "password",
        username: "oidc:alice",
        password: "whatever",
        service,
      });
      expect(code).toBe("UNAUTHORIZED");
    } finally {
      await other.close();
    }
  });

  it("who is disabled or removed has neither session nor token", async () => {
    const { body } = await login();
    expect((await manage("POST", "users", { name: "oidc:alice" })).status).toBe(201);
    expect((await goOn(body.refresh_token)).status).toBe(200);
    await manage("POST", "users/oidc:alice", { disabled: true });
    expect((await goOn(body.refresh_token)).code).toBe("UNAUTHORIZED");
    expect((await login()).code).toBe("FORBIDDEN");
    await manage("POST", "users/oidc:alice", { disabled: false });
    const again = await login();
    await manage("DELETE", "users/oidc:alice");
    expect((await goOn(again.body.refresh_token)).code).toBe("UNAUTHORIZED");
  });

  it("sees and ends their own logins, and nobody else's", async () => {
    const mine = async (method: string, name = "oidc:alice") => {
      const { body } = await login();
      return await manage(method, `users/${name}/sessions`, undefined, bearing(String(body.token)));
    };
    expect(JSON.parse((await mine("GET")).body.toString()).sessions).toHaveLength(1);
    for (const name of ["alice", "oidc:bob"]) expect((await mine("GET", name)).status).toBe(403);
    const { body } = await login();
    expect(JSON.parse((await mine("DELETE")).body.toString())).toMatchObject({ sessions: 5 });
    expect((await goOn(body.refresh_token)).code).toBe("UNAUTHORIZED");
    expect((await manage("GET", "users/oidc:alice/sessions")).status).toBe(200);
  });

  it("ends a session with its token, and nobody else's", async () => {
    const [one, two] = [await login(), await login()];
    for (const session of [one.body.refresh_token, "vdr_nothing", one.body.refresh_token])
      expect((await manage("POST", "logout", { session }, {} as never)).status).toBe(200);
    expect((await goOn(one.body.refresh_token)).code).toBe("UNAUTHORIZED");
    expect((await goOn(two.body.refresh_token)).status).toBe(200);
    expect((await manage("POST", "logout", {}, {} as never)).status).toBe(400);
  });

  it.each<[string, Record<string, unknown>]>([
    ["another client was the party", { azp: "another" }],
    ["several clients are meant", { aud: [clientId, "another"] }],
    ["it is meant for workloads", { aud: audience }],
  ])("does not log in by a token where %s", async (_name, claims) => {
    const { body } = await login(claims);
    expect(body).not.toHaveProperty("refresh_token");
  });

  it.each(["a/b", "oidc:x", "a b", ".a", "x".repeat(129)])("called %j cannot be named here", async (sub) => {
    expect((await login({ sub })).code).toBe("FORBIDDEN");
  });

  it("whoever is refused is counted for the trail, by name where that is known", async () => {
    await login();
    await manage("POST", "users", { name: "oidc:alice" });
    await manage("POST", "users/oidc:alice", { disabled: true });
    const wrong = await provider.personToken({
      iss: "https://evil.example.test",
      sub: "a-secret-of-somebody",
    });
    for (const token of [wrong, wrong, await provider.personToken()]) await exchanged(server, token);
    await server.service.refusals.flush();
    const rows = await server.store.audit.refusals();
    expect(rows.map(({ principal, code, count }) => `${principal}: ${count} ${code}`).sort()).toEqual([
      "address 127.0.0.1: 2 UNAUTHORIZED",
      "oidc oidc:alice: 1 FORBIDDEN",
    ]);
    expect(JSON.stringify(rows)).not.toContain("a-secret-of-somebody");
  });

  it("who administers is in the audit trail, as an identity provider knows them", async () => {
    await allow("user:oidc:alice", "**", "admin");
    const { body } = await login({}, "vidimus:server:admin");
    expect((await manage("GET", "users", undefined, bearing(String(body.token)))).status).toBe(200);
    const { entries } = await server.store.audit.list({ direction: "forwards", limit: 100 });
    expect(entries.map(({ kind, actor }) => [kind, actor]).at(-1)).toEqual([
      "administrator.logged-in",
      { name: "oidc:alice", method: "oidc", address: "127.0.0.1" },
    ]);
    expect(JSON.stringify(entries)).not.toContain(body.refresh_token);
    expect(server.log.join("")).not.toContain(body.refresh_token);
  });
});
