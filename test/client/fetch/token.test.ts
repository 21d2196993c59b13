import { describe, expect, it } from "vitest";
import type { CredentialSource, Credentials } from "../../../src/client/fetch/credentials.ts";
import type { Fetcher, Right } from "../../../src/client/fetch/fetcher.ts";
import { requestToken } from "../../../src/client/fetch/token.ts";
import {
  fetcherFor,
  get,
  type Handler,
  plainServer,
  secureServer,
  serverPair,
  type TestServer,
  trustCodeOf,
  trustErrorOf,
} from "../../support/fetching.ts";

const repository = "registry.example.test/org/app";
const scope = `repository:${repository}:pull`;

function having(credentials: Credentials | undefined): CredentialSource & { readonly asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    find: async ({ repository: name }) => {
      asked.push(name ?? "the server");
      return credentials;
    },
  };
}

const user: Credentials = { kind: "user", username: "ann:e", password: "pass word" };

interface Wishes {
  /** What the token service answers; default: a token with a number. */
  readonly token?: Handler;
  /** Whether the server lets this header pass. Default: any Bearer. */
  readonly passes?: (authorization: string) => boolean;
  readonly challenge?: (server: TestServer) => string;
  readonly elsewhere?: TestServer;
}

/** A trust server with its token service at `/token`. */
async function tokenServer(wishes: Wishes = {}) {
  const { passes = (header) => header.startsWith("Bearer ") } = wishes;
  let made = 0;
  const server = await plainServer((request, response) => {
    if (request.url.startsWith("/token")) {
      made++;
      if (wishes.token === undefined) response.end(JSON.stringify({ token: `t${made}` }));
      else wishes.token(request, response);
    } else if (request.authorization !== undefined && passes(request.authorization)) {
      response.end("secret file");
    } else {
      const usual = `Bearer realm="${server.url}/token",service="notary",scope="${scope}"`;
      const challenge = wishes.challenge?.(server) ?? usual;
      response.writeHead(401, { "www-authenticate": challenge }).end('{"errors":[]}');
    }
  });
  const tokens = () => server.seen.filter(({ url }) => url.startsWith("/token"));
  const files = () => server.seen.filter(({ url }) => !url.startsWith("/token"));
  return { server, tokens, files };
}

describe("a token", () => {
  it("is asked for without a name when there are no credentials", async () => {
    const { server, tokens, files } = await tokenServer();
    expect(String(await get(fetcherFor(server.url)))).toBe("secret file");
    const { searchParams } = new URL(tokens()[0]?.url ?? "", server.url);
    expect(Object.fromEntries(searchParams)).toEqual({ scope, service: "notary" });
    expect(tokens()[0]?.authorization).toBeUndefined();
    expect(files().map(({ authorization }) => authorization)).toEqual([undefined, "Bearer t1"]);
  });

  it("is asked for in the user's name, which goes nowhere else", async () => {
    const { server, tokens, files } = await tokenServer();
    const credentials = having(user);
    expect(String(await get(fetcherFor(server.url, { credentials })))).toBe("secret file");
    const { searchParams } = new URL(tokens()[0]?.url ?? "", server.url);
    expect(Object.fromEntries(searchParams)).toEqual({ account: "ann:e", scope, service: "notary" });
    expect(tokens()[0]?.authorization).toBe(`Basic ${Buffer.from("ann:e:pass word").toString("base64")}`);
    expect(files().map(({ authorization }) => authorization)).toEqual([undefined, "Bearer t1"]);
    expect(credentials.asked).toEqual([repository]);
  });

  it("is exchanged for an identity token by a form", async () => {
    const { server, tokens } = await tokenServer();
    const credentials = having({ kind: "identity", token: "id+/=" });
    expect(String(await get(fetcherFor(server.url, { credentials })))).toBe("secret file");
    const [asked] = tokens();
    expect(asked).toMatchObject({ method: "POST", url: "/token", authorization: undefined });
    expect(asked?.headers["content-type"]).toBe("application/x-www-form-urlencoded");
    expect(Object.fromEntries(new URLSearchParams(asked?.body))).toEqual({
      grant_type: "refresh_token",
      service: "notary",
      scope,
      refresh_token: "id+/=",
      client_id: "vidimus",
    });
  });

  it("of the registry's own is sent as it is", async () => {
    const { server, tokens, files } = await tokenServer();
    const credentials = having({ kind: "registry", token: "own" });
    await get(fetcherFor(server.url, { credentials }));
    expect(tokens()).toHaveLength(0);
    expect(files()[1]?.authorization).toBe("Bearer own");
  });

  it("is kept for its repository and fetched beforehand for the next", async () => {
    const { server, tokens, files } = await tokenServer();
    const fetcher = fetcherFor(server.url);
    await get(fetcher);
    await get(fetcher, { file: "timestamp.json" });
    await get(fetcher, { repository: "registry.example.test/org/other" });
    expect(files().map(({ authorization }) => authorization)).toEqual([
      undefined,
      "Bearer t1",
      "Bearer t1",
      "Bearer t2",
    ]);
    expect(tokens()).toHaveLength(2);
  });

  it("is fetched once for all who wait for it", async () => {
    const { server, tokens } = await tokenServer();
    const fetcher = fetcherFor(server.url);
    await Promise.all(Array.from({ length: 6 }, () => get(fetcher)));
    expect(tokens()).toHaveLength(1);
    await Promise.all(
      Array.from({ length: 6 }, () => get(fetcher, { repository: "registry.example.test/b" })),
    );
    expect(tokens()).toHaveLength(2);
  });

  it.each([
    ["refused by the server", 60, 2],
    ["over", 1e-9, undefined],
  ])("that is %s is fetched anew", async (_what, expires_in, refused) => {
    let [made, passed] = [0, 0];
    const { server, tokens } = await tokenServer({
      token: (_request, response) => void response.end(JSON.stringify({ token: `t${++made}`, expires_in })),
      passes: () => ++passed !== refused,
    });
    const fetcher = fetcherFor(server.url);
    await get(fetcher);
    expect(String(await get(fetcher))).toBe("secret file");
    expect(tokens()).toHaveLength(2);
  });

  it.each([
    [undefined, 50],
    [300, 290],
    [10, 8],
    [1e9, 3_590],
    [-5, 50],
    ["300", 50],
  ])("with expires_in %j is used for %i seconds", async (expires_in, seconds) => {
    const body = Buffer.from(JSON.stringify({ token: "a", expires_in }));
    const send = async () => ({ status: 200, headers: {}, body });
    const service = { realm: new URL("https://auth.example.test/"), service: undefined };
    const { lifetime } = await requestToken(
      service,
      { of: "repository", repository, actions: "pull" },
      undefined,
      send,
      new AbortController().signal,
    );
    expect(lifetime).toBe(seconds * 1_000);
  });

  it.each([
    ["token", { token: "a" }, "a"],
    ["access_token", { access_token: "b" }, "b"],
    ["both", { token: "a", access_token: "b" }, "a"],
    ["an empty token and access_token", { token: "", access_token: "b" }, "b"],
  ])("may come as %s", async (_what, answer, expected) => {
    const { server, files } = await tokenServer({
      token: (_request, response) => void response.end(JSON.stringify(answer)),
    });
    await get(fetcherFor(server.url));
    expect(files()[1]?.authorization).toBe(`Bearer ${expected}`);
  });

  it.each([
    ["no JSON", "canary", "BAD_ANSWER"],
    ["no object", '"canary"', "BAD_ANSWER"],
    ["nothing", "null", "BAD_ANSWER"],
    ["no token", '{"expires_in":60}', "BAD_ANSWER"],
    ["a token with a line break", '{"token":"canary\\r\\nx: y"}', "BAD_ANSWER"],
    ["a token with a space", '{"token":"canary b"}', "BAD_ANSWER"],
    ["a token that is too long", JSON.stringify({ token: "canary".repeat(3_000) }), "BAD_ANSWER"],
    ["a token that is a number", '{"token":5}', "BAD_ANSWER"],
    ["too much", JSON.stringify({ token: "a", canary: "x".repeat(65_536) }), "ANSWER_TOO_LARGE"],
  ])("service that gives %s is refused", async (_what, answer, code) => {
    const { server, tokens } = await tokenServer({
      token: (_request, response) => void response.end(answer),
    });
    const error = await trustErrorOf(get(fetcherFor(server.url)));
    expect(error.code).toBe(code);
    expect([error.message, error.cause]).not.toContain("canary");
    expect(tokens()).toHaveLength(1);
  });

  it.each([
    [302, "BAD_ANSWER", 1],
    [401, "UNAUTHORIZED", 1],
    [403, "FORBIDDEN", 1],
    [404, "BAD_ANSWER", 1],
    [503, "SERVER_ERROR", 3],
  ])("service that answers %i gives %s after %i requests", async (status, code, requests) => {
    const { server, tokens } = await tokenServer({
      token: (_request, response) => void response.writeHead(status, { location: "/token/2" }).end(),
    });
    expect(await trustCodeOf(get(fetcherFor(server.url, { credentials: having(user) })))).toBe(code);
    expect(tokens()).toHaveLength(requests);
  });

  it.each([400, 401])("service that refuses an identity token with %i gives UNAUTHORIZED", async (status) => {
    const { server } = await tokenServer({
      token: (_request, response) => void response.writeHead(status).end(),
    });
    const credentials = having({ kind: "identity", token: "old" });
    expect(await trustCodeOf(get(fetcherFor(server.url, { credentials })))).toBe("UNAUTHORIZED");
  });

  it.each([
    ["environment" as const, { who: "you", next: expect.stringContaining("VIDIMUS_PASSWORD") }],
    // The table of refusals says it: docker login.
    [undefined, undefined],
  ])("service that refuses a password of %s says where to mend it", async (from, remedy) => {
    const { server } = await tokenServer({
      token: (_request, response) => void response.writeHead(401).end(),
    });
    const credentials = having({ ...user, ...(from !== undefined && { from }) });
    await expect(get(fetcherFor(server.url, { credentials }))).rejects.toMatchObject({
      code: "UNAUTHORIZED",
      remedy,
    });
  });

  it("service that never answers is waited for no longer than for a file", async () => {
    const { server } = await tokenServer({ token: () => {} });
    const limits = { tries: 1, requestTime: 150 };
    expect(await trustCodeOf(get(fetcherFor(server.url, { limits })))).toBe("TIMEOUT");
  });

  it.each([
    ["FORBIDDEN for a user", user, "FORBIDDEN"],
    ["UNAUTHORIZED for nobody", undefined, "UNAUTHORIZED"],
    ["FORBIDDEN for the registry's own", { kind: "registry", token: "own" } as const, "FORBIDDEN"],
  ])("that is refused while fresh is %s, without trying for ever", async (_what, credentials, code) => {
    const { server, files } = await tokenServer({ passes: () => false });
    expect(await trustCodeOf(get(fetcherFor(server.url, { credentials: having(credentials) })))).toBe(code);
    expect(files()).toHaveLength(2);
  });
});

describe("a right to the whole server", () => {
  const call = (fetcher: Fetcher, action: (Right & { of: "server" })["action"]) =>
    fetcher.call({
      right: { of: "server", action },
      method: "GET",
      path: "/api/v1/x",
      maxBytes: 100,
      signal: AbortSignal.timeout(5_000),
    });

  it.each([
    ["catalog", "registry:catalog:*"],
    ["audit", "vidimus:server:audit"],
    ["admin", "vidimus:server:admin"],
    ["known", null],
  ] as const)("%s is asked for as %s, with the server's credentials", async (action, wanted) => {
    const { server, tokens } = await tokenServer();
    const credentials = having(user);
    const { body } = await call(fetcherFor(server.url, { credentials }), action);
    expect(String(body)).toBe("secret file");
    expect(new URL(tokens()[0]?.url ?? "", server.url).searchParams.get("scope")).toBe(wanted);
    expect(credentials.asked).toEqual(["the server"]);
  });

  it("has a token of its own, which is kept", async () => {
    const { server, tokens } = await tokenServer();
    const fetcher = fetcherFor(server.url);
    for (const action of ["audit", "admin", "audit", "admin"] as const) await call(fetcher, action);
    await get(fetcher);
    expect(tokens()).toHaveLength(3);
  });

  it("that a token of nobody does not give is UNAUTHORIZED, that one of a user does not give is the server's word", async () => {
    const server = await plainServer((request, response) => {
      if (request.url.startsWith("/token")) response.end('{"token":"t"}');
      else if (request.authorization !== undefined) response.writeHead(403).end("why");
      else response.writeHead(401, { "www-authenticate": `Bearer realm="${server.url}/token"` }).end();
    });
    const error = await trustErrorOf(call(fetcherFor(server.url), "audit"));
    expect(error.code).toBe("UNAUTHORIZED");
    expect(error.remedy?.next).toContain("VIDIMUS_ACCESS_TOKEN");
    const known = fetcherFor(server.url, { credentials: having(user) });
    for (const _ of [1, 2]) expect(await call(known, "audit")).toMatchObject({ status: 403 });
  });
});

describe("a token that was given for the server itself", () => {
  const withOwn = (token: string): CredentialSource & { readonly asked: string[] } => ({
    ...having(user),
    own: async () => token,
  });

  it("is sent there as it is, and no realm is asked, wherever it is", async () => {
    const { server, files } = await tokenServer({
      challenge: () => 'Bearer realm="https://auth.example.test/"',
    });
    const credentials = withOwn("vdm_1");
    const fetcher = fetcherFor(server.url, { credentials });
    expect(String(await get(fetcher))).toBe("secret file");
    await get(fetcher, { repository: "other" });
    expect(files().map(({ authorization }) => authorization)).toEqual([
      undefined,
      "Bearer vdm_1",
      "Bearer vdm_1",
    ]);
    expect(credentials.asked).toEqual([]);
  });

  it.each([
    ["does not suffice", "insufficient_scope", "FORBIDDEN"],
    ["is not known", "invalid_token", "UNAUTHORIZED"],
  ])("that %s is told as that", async (_what, lack, code) => {
    const { server } = await tokenServer({
      passes: () => false,
      challenge: ({ url }) => `Bearer realm="${url}/token",error="${lack}"`,
    });
    expect(await trustCodeOf(get(fetcherFor(server.url, { credentials: withOwn("vdm_1") })))).toBe(code);
  });

  it.each([
    ["the server says", ',error_description="lacks push"', "the right push to"],
    ["the server says of several", ',error_description="lacks push,pull"', "the rights push and pull to"],
    ["the request needs, where it says nothing", "", "the rights pull and push to"],
    [
      "the request needs, where it says what is no right",
      ',error_description="lacks \\"push"',
      "the rights pull and push to",
    ],
  ])("that does not suffice is told with the rights that %s", async (_what, description, told) => {
    const { server } = await tokenServer({
      passes: () => false,
      challenge: ({ url }) => `Bearer realm="${url}/token",error="insufficient_scope"${description}`,
    });
    const failed = fetcherFor(server.url, { credentials: withOwn("vdm_1") }).call({
      right: { of: "repository", repository: "a/b", actions: "pull,push" },
      method: "POST",
      path: "/v2/a/b/_trust/tuf/",
      maxBytes: 100,
      signal: AbortSignal.timeout(5_000),
    });
    await expect(failed).rejects.toMatchObject({
      code: "FORBIDDEN",
      remedy: { next: `Give this user ${told} a/b, or use another user.` },
    });
  });

  it("is not sent to where a redirect leads", async () => {
    const other = await plainServer((_request, response) => response.end("file"));
    const server = await plainServer((request, response) => {
      if (request.authorization === undefined)
        response.writeHead(401, { "www-authenticate": `Bearer realm="${server.url}/token"` }).end();
      else response.writeHead(307, { location: `${other.url}/x` }).end();
    });
    await get(fetcherFor(server.url, { credentials: withOwn("vdm_1") }));
    expect(other.seen.map(({ authorization }) => authorization)).toEqual([undefined]);
  });
});

describe("a realm", () => {
  /** What a server with this challenge gives, and the connections that the foreign realm saw. */
  async function refusedRealm(realm: (foreign: TestServer, server: TestServer) => string) {
    const foreign = await plainServer((_request, response) => response.end('{"token":"a"}'));
    const { server, tokens } = await tokenServer({
      challenge: (own) => `Bearer realm="${realm(foreign, own)}",service="notary"`,
    });
    const error = await trustErrorOf(get(fetcherFor(server.url, { credentials: having(user) })));
    return { code: error.code, reached: foreign.connections() + tokens().length };
  }

  it.each<[string, (foreign: TestServer, server: TestServer) => string]>([
    ["at another port", (foreign) => `${foreign.url}/token`],
    ["under another name", (_foreign, server) => `http://localhost:${server.port}/token`],
    ["that is the server before an @", (foreign, server) => `${server.url}@127.0.0.1:${foreign.port}/token`],
    ["with a user", (_foreign, server) => server.url.replace("http://", "http://ann@")],
    ["that is relative", () => "/token"],
    ["on no machine of ours in plain HTTP", () => "http://auth.example.test/token"],
    ["in another protocol", () => "ftp://127.0.0.1/token"],
    ["that is empty", () => ""],
  ])("%s is TOKEN_REALM, and nothing is sent", async (_what, realm) => {
    expect(await refusedRealm(realm)).toEqual({ code: "TOKEN_REALM", reached: 0 });
  });

  it("is refused before any credentials are looked up", async () => {
    const { server } = await tokenServer({ challenge: () => 'Bearer realm="https://auth.example.test/"' });
    const credentials = having(user);
    expect(await trustCodeOf(get(fetcherFor(server.url, { credentials })))).toBe("TOKEN_REALM");
    expect(credentials.asked).toEqual([]);
  });

  it("elsewhere may be permitted by its origin", async () => {
    const realm = await plainServer((_request, response) => response.end('{"token":"a"}'));
    const { server } = await tokenServer({ challenge: () => `Bearer realm="${realm.url}/v1/auth?kept=1"` });
    const fetcher = fetcherFor(server.url, { tokenRealms: [`${realm.url}/other/path`] });
    expect(String(await get(fetcher))).toBe("secret file");
    expect(realm.seen[0]?.url).toBe(`/v1/auth?kept=1&scope=${encodeURIComponent(scope)}`);
  });

  it("is verified with the CA of the server", async () => {
    const [pair, other] = await Promise.all([serverPair(), serverPair()]);
    const handler: Handler = (_request, response) => void response.end('{"token":"a"}');
    const [good, bad] = await Promise.all([secureServer(handler, pair), secureServer(handler, other)]);
    const realms = [good, bad].map(async (realm) => {
      const server = await secureServer((request, response) => {
        if (request.authorization !== undefined) response.end("yes");
        else response.writeHead(401, { "www-authenticate": `Bearer realm="${realm.url}"` }).end();
      }, pair);
      return fetcherFor(server.url, { ca: pair.ca, tokenRealms: [realm.url], credentials: having(user) });
    });
    const [first, second] = await Promise.all(realms);
    if (first === undefined || second === undefined) throw new Error("There are two.");
    expect(String(await get(first))).toBe("yes");
    expect(await trustCodeOf(get(second))).toBe("TLS_UNTRUSTED");
    expect(bad.seen).toHaveLength(0);
  });
});

describe("a Basic challenge", () => {
  const basic = {
    challenge: () => 'Basic realm="notary"',
    passes: (header: string) => /^Basic /.test(header),
  };

  it("is answered with the user's name and password, from then on at once", async () => {
    const { server, files } = await tokenServer(basic);
    const credentials = having(user);
    const fetcher = fetcherFor(server.url, { credentials });
    await get(fetcher);
    expect(String(await get(fetcher))).toBe("secret file");
    const header = `Basic ${Buffer.from("ann:e:pass word").toString("base64")}`;
    expect(files().map(({ authorization }) => authorization)).toEqual([undefined, header, header]);
    expect(credentials.asked).toHaveLength(1);
  });

  it.each([
    ["no credentials", undefined],
    ["an identity token", { kind: "identity", token: "a" } as const],
    ["a registry token", { kind: "registry", token: "a" } as const],
  ])("is UNAUTHORIZED with %s", async (_what, credentials) => {
    const { server, files } = await tokenServer(basic);
    expect(await trustCodeOf(get(fetcherFor(server.url, { credentials: having(credentials) })))).toBe(
      "UNAUTHORIZED",
    );
    expect(files()).toHaveLength(1);
  });

  it("is FORBIDDEN when the password is refused", async () => {
    const { server, files } = await tokenServer({ ...basic, passes: () => false });
    expect(await trustCodeOf(get(fetcherFor(server.url, { credentials: having(user) })))).toBe("FORBIDDEN");
    expect(files()).toHaveLength(2);
  });

  it("beside a Bearer challenge is not taken", async () => {
    const { server, files } = await tokenServer({
      challenge: ({ url }) => `Basic realm="x", Bearer realm="${url}/token"`,
    });
    await get(fetcherFor(server.url, { credentials: having(user) }));
    expect(files()[1]?.authorization).toBe("Bearer t1");
  });
});

it.each(["Negotiate", "", 'Bearer realm="'])("A challenge such as %j is UNAUTHORIZED", async (challenge) => {
  const { server, files } = await tokenServer({ challenge: () => challenge });
  expect(await trustCodeOf(get(fetcherFor(server.url, { credentials: having(user) })))).toBe("UNAUTHORIZED");
  expect(files()).toHaveLength(1);
});
