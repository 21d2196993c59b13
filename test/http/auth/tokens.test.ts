/** Tokens that nobody may get in with (threat catalogue, chapter 8), each as it would come over the wire. */
import { createHmac, generateKeyPairSync, X509Certificate } from "node:crypto";
import { exportJWK } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { keysOfSet, type TokenHeader } from "../../../src/http/auth/issuer-keys.ts";
import { certificate } from "../../support/certificates.ts";
import { start, startServer, type TestServer } from "../../support/server.ts";
import {
  bearing,
  entry,
  issuer,
  realm,
  service,
  TokenService,
  type TokenWish,
} from "../../support/token-service.ts";

const repository = "registry.example.test/team/app";
const path = `/v2/${repository}/_trust/tuf/root.json`;
const access = [entry(repository, "pull")];
const at = start / 1_000;
let tokens: TokenService;
let server: TestServer;
const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;

beforeAll(async () => {
  tokens = await TokenService.make(() => start);
  server = await startServer({ access: tokens.access() });
});
afterAll(async () => await server?.close());

const status = async (token: string) => (await server.get(path, bearing(token))).status;
const statusOf = async (wish: TokenWish) => await status(await tokens.token({ access, ...wish }));
/** Allowed, and there is no such repository. */
const allowed = 404;

const b64 = (value: unknown) =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
const derOf = (pem: string) => new X509Certificate(pem).raw.toString("base64");

describe("good ones", () => {
  it.each<[string, TokenWish]>([
    ["with the key's fingerprint", {}],
    ["without nbf", { without: ["nbf"] }],
    ["without a subject", { without: ["sub"] }],
    ["of a clock that is half a minute ahead", { claims: { iat: at + 30, nbf: at + 30 } }],
    ["that ended half a minute ago", { claims: { iat: at - 100, exp: at - 30 } }],
    ["with an audience in a list", { claims: { aud: ["other", service] } }],
  ])("%s", async (_name, wish) => {
    expect(await statusOf(wish)).toBe(allowed);
  });

  it("with the certificate of the bundle, and with one that leads to it", async () => {
    expect(await statusOf({ header: { kid: undefined as never, x5c: [derOf(tokens.certificate)] } })).toBe(
      allowed,
    );
    const leaf = await certificate({ key: stranger, cn: ["leaf"], issuer: { key: tokens.key, cn: issuer } });
    expect(await statusOf({ key: stranger, header: { x5c: [derOf(leaf), derOf(tokens.certificate)] } })).toBe(
      allowed,
    );
  });

  it("whatever the case of the scheme", async () => {
    const token = await tokens.token({ access });
    expect((await server.get(path, { authorization: `bearer ${token}` })).status).toBe(allowed);
  });
});

describe("bad ones", () => {
  it.each(["none", "None", "nOnE", ""])("A1: algorithm %s", async (alg) => {
    const [, payload] = (await tokens.token({ access })).split(".");
    expect(await status(`${b64({ alg, kid: tokens.kid })}.${payload}.`)).toBe(401);
  });

  it("A2: signed with the public key as a secret", async () => {
    const { publicKey } = new X509Certificate(tokens.certificate);
    const [, payload] = (await tokens.token({ access })).split(".");
    for (const secret of [
      publicKey.export({ type: "spki", format: "pem" }),
      publicKey.export({ type: "spki", format: "der" }),
      tokens.certificate,
    ]) {
      const signed = `${b64({ alg: "HS256", typ: "JWT", kid: tokens.kid })}.${payload}`;
      const mac = createHmac("sha256", secret).update(signed).digest("base64url");
      expect(await status(`${signed}.${mac}`)).toBe(401);
    }
  });

  it("A3: keys that the token brings, and IDs of others", async () => {
    const jwk = await exportJWK(stranger);
    const { d: _secret, ...own } = jwk;
    expect(await statusOf({ key: stranger })).toBe(401);
    expect(await statusOf({ key: stranger, header: { jwk: own } })).toBe(401);
    expect(await statusOf({ key: stranger, header: { kid: undefined as never, jwk: own } })).toBe(401);
    expect(await statusOf({ header: { kid: "another" } })).toBe(401);
  });

  it("A4: chains that lead elsewhere, are over, or are of no signer of tokens", async () => {
    const leaf = (wish: Partial<Parameters<typeof certificate>[0]>) =>
      certificate({ key: stranger, cn: ["leaf"], issuer: { key: tokens.key, cn: issuer }, ...wish });
    const self = await certificate({ key: stranger, cn: [issuer], ca: true });
    const over = await leaf({ from: Date.UTC(2020), to: start - 1 });
    const good = derOf(await leaf({}));
    const x5c = async (...chain: unknown[]) =>
      await statusOf({ key: stranger, header: { x5c: chain as string[] } });
    expect(await x5c(good)).toBe(allowed);
    expect(await x5c(derOf(self))).toBe(401);
    expect(await x5c(derOf(over))).toBe(401);
    expect(await x5c(derOf(await leaf({ usages: ["1.3.6.1.5.5.7.3.1"] })))).toBe(401);
    expect(await x5c(derOf(await leaf({ usages: ["1.3.6.1.5.5.7.3.3"] })))).toBe(allowed);
    expect(await x5c(derOf(await leaf({ ca: true })))).toBe(401);
    expect(await x5c(...Array(9).fill(good))).toBe(401);
    expect(await x5c("not a certificate")).toBe(401);
    expect(await x5c(7)).toBe(401);
    expect(await x5c()).toBe(401);
    // The trusted certificate, and another key.
    expect(await x5c(derOf(tokens.certificate))).toBe(401);
  });

  it.each([
    "../../etc/passwd",
    "' OR 1=1 --",
    "https://evil.example.test/keys",
    "__proto__",
    "x".repeat(8_000),
  ])("A5: the key ID %s", async (kid) => {
    expect(
      await statusOf({ header: { kid, jku: "https://127.0.0.1:1/", x5u: "https://127.0.0.1:1/" } }),
    ).toBe(401);
  });

  it.each<[string, TokenWish]>([
    ["no end", { without: ["exp"] }],
    ["no begin", { without: ["iat"] }],
    ["no issuer", { without: ["iss"] }],
    ["no audience", { without: ["aud"] }],
    ["an end in words", { claims: { exp: "tomorrow" as never } }],
    ["an end in thousands of years", { claims: { exp: at + 1e11 } }],
    ["a life of more than a day", { claims: { exp: at + 86_401 } }],
    ["an end two minutes ago", { claims: { iat: at - 300, exp: at - 120 } }],
    ["a begin two minutes ahead", { claims: { nbf: at + 120 } }],
    ["made two minutes ahead", { claims: { iat: at + 120 } }],
    ["another issuer", { claims: { iss: "another" } }],
    ["another audience", { claims: { aud: "registry.test" } }],
    ["the audience as a prefix", { claims: { aud: `${service}.more` } }],
    ["rights that are no list", { claims: { access: "all" } }],
    ["an extension that must be understood", { header: { crit: ["exp"] } as never }],
  ])("A6: %s", async (_name, wish) => {
    expect(await tokens.token({ access, ...wish }).then(status, () => 401)).toBe(401);
  });

  it("A6: a claim twice, and an end beyond all numbers", async () => {
    const sign = async (payload: string) => {
      const head = b64({ alg: "ES256", typ: "JWT", kid: tokens.kid });
      const { sign: signBytes } = await import("node:crypto");
      const signature = signBytes("sha256", Buffer.from(`${head}.${b64(payload)}`), {
        key: tokens.key,
        dsaEncoding: "ieee-p1363",
      });
      return `${head}.${b64(payload)}.${signature.toString("base64url")}`;
    };
    const rest = `"iss":"${issuer}","iat":${at},"exp":${at + 300},"access":${JSON.stringify(access)}`;
    expect(await status(await sign(`{"aud":"${service}",${rest}}`))).toBe(allowed);
    expect(await status(await sign(`{"aud":"${service}",${rest},"aud":"other"}`))).toBe(401);
    expect(await status(await sign(`{"aud":"${service}",${rest.replace(/"exp":\d+/, '"exp":1e308')}}`))).toBe(
      401,
    );
  });

  it.each(["", "x", "a.b", "a.b.c", "a.b.c.d.e", "...", "x".repeat(12_000)])(
    "no token at all: %s",
    async (text) => {
      expect((await server.get(path, { authorization: `Bearer ${text}` })).status).toBe(401);
    },
  );

  it("is refused at its end also if it was good before", async () => {
    const other = await TokenService.make(() => start);
    const short = await startServer({ access: other.access() });
    try {
      const token = await other.token({ access });
      expect((await short.get(path, bearing(token))).status).toBe(allowed);
      short.clock.advance(400_000);
      expect((await short.get(path, bearing(token))).status).toBe(401);
    } finally {
      await short.close();
    }
  });
});

describe("where a token may stand", () => {
  it("A9: in one header, and nowhere else", async () => {
    const token = await tokens.token({ access });
    expect((await server.get(`${path}?access_token=${token}`)).status).toBe(401);
    expect((await server.get(path, { cookie: `token=${token}` })).status).toBe(401);
    expect((await server.get(path, { authorization: `Basic ${b64(`token:${token}`)}` })).status).toBe(401);
    const twice = await server.raw(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
    );
    expect(twice).toMatch(/^HTTP\/1.1 400 /);
  });

  it("A12: is looked at before the first byte of a body", async () => {
    const answer = await server.raw(
      `POST /v2/${repository}/_trust/tuf/ HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 100000000\r\n\r\n`,
      { halfClose: false },
    );
    expect(answer).toMatch(/^HTTP\/1.1 401 /);
  });
});

describe("the challenge", () => {
  it("names the realm of the configuration whatever the Host, the service, and what is lacking", async () => {
    const answer = await server.get(path, { host: "evil.example.test" });
    expect(answer.headers["www-authenticate"]).toBe(
      `Bearer realm="${realm}",service="${service}",scope="repository:${repository}:pull"`,
    );
    expect(JSON.parse(answer.body.toString())).toEqual({
      errors: [
        {
          code: "UNAUTHORIZED",
          message: "authentication required",
          detail: [{ Type: "repository", Class: "", Name: repository, Action: "pull" }],
        },
      ],
    });
  });

  it("says what is wrong with a token", async () => {
    const bad = await server.get(path, bearing("a.b.c"));
    expect(bad.headers["www-authenticate"]).toMatch(/,error="invalid_token"$/);
    const poor = await server.get(path, bearing(await tokens.token()));
    expect(poor.headers["www-authenticate"]).toMatch(
      /,error="insufficient_scope",error_description="lacks pull"$/,
    );
  });

  it("says which of several rights a token lacks, and asks for all of them", async () => {
    const reader = bearing(await tokens.token({ access }));
    const answer = await server.request(`/v2/${repository}/_trust/tuf/`, { method: "POST", headers: reader });
    expect(answer.headers["www-authenticate"]).toContain(
      `scope="repository:${repository}:push,pull",error="insufficient_scope",error_description="lacks push"`,
    );
    const proposals = `/api/v1/repositories/${encodeURIComponent(repository)}/proposals`;
    const managed = await server.request(proposals, { method: "POST", headers: reader });
    expect([managed.status, managed.code]).toEqual([403, "FORBIDDEN"]);
    expect(managed.body.toString()).toContain("the right propose to this repository");
  });
});

describe("who is not let in", () => {
  it("is counted by what was lacking, and told of in the log unless it is how clients begin", async () => {
    const some = await startServer({ access: tokens.access() });
    try {
      await some.get(path);
      await some.get(path, bearing("a.b.c"));
      await some.get(path, bearing("a.b.d"));
      const poor = await tokens.token();
      await some.get(path, bearing(poor));
      const metrics = (await some.get("/metrics")).body.toString();
      for (const [lack, count] of Object.entries({ missing: 1, invalid_token: 2, insufficient_scope: 1 }))
        expect(metrics).toContain(`vidimus_access_refusals_total{lack="${lack}"} ${count}\n`);
      const told = some.log.map((line) => JSON.parse(line)).filter(({ code }) => code === "UNAUTHORIZED");
      expect(told.map(({ level }) => level)).toEqual([20, 30, 30, 30]);
      expect(some.log.filter((line) => line.includes("a.b.") || line.includes(poor))).toEqual([]);
    } finally {
      await some.close();
    }
  });
});

describe("how often", () => {
  it("bad tokens of one address are refused a number of times, and then told to wait; a good one is let in", async () => {
    const some = await startServer({ access: tokens.access({ failuresPerMinute: 3 }) });
    try {
      const states: number[] = [];
      for (let time = 0; time < 4; time++) states.push((await some.get(path, bearing(`${time}.b.c`))).status);
      expect(states).toEqual([401, 401, 401, 429]);
      // Signed by somebody else in the name of a key of ours.
      const forged = await some.get(path, bearing(await tokens.token({ access, key: stranger })));
      expect([forged.status, forged.code, forged.headers["retry-after"]]).toEqual([
        429,
        "TOO_MANY_REQUESTS",
        "60",
      ]);
      expect(some.log.filter((line) => line.includes("a token was refused"))).toHaveLength(3);
      // One that was never seen before.
      expect((await some.get(path, bearing(await tokens.token({ access })))).status).toBe(allowed);
      some.clock.advance(45_500);
      const later = await some.get(path, bearing("a.b.c"));
      expect([later.status, later.headers["retry-after"]]).toEqual([429, "15"]);
      some.clock.advance(14_500);
      expect((await some.get(path, bearing("a.b.c"))).status).toBe(401);
    } finally {
      await some.close();
    }
  });

  it("chains of certificates are not followed for an address of which too many were bad", async () => {
    const some = await startServer({ access: tokens.access({ failuresPerMinute: 1 }) });
    try {
      const brings = { kid: undefined as never, x5c: [derOf(tokens.certificate)] };
      const chained = async () =>
        (await some.get(path, bearing(await tokens.token({ access, header: brings })))).status;
      expect(await chained()).toBe(allowed);
      const before = bearing(await tokens.token({ access, header: brings }));
      expect((await some.get(path, before)).status).toBe(allowed);
      expect((await some.get(path, bearing("a.b.c"))).status).toBe(401);
      some.clock.advance(1_000);
      expect(await chained()).toBe(429);
      expect((await some.get(path, before)).status).toBe(allowed);
      some.clock.advance(60_000);
      expect(await chained()).toBe(allowed);
    } finally {
      await some.close();
    }
  });

  it("one caller may change something a number of times in a minute", async () => {
    const some = await startServer({ access: tokens.access({ changesPerMinute: 2 }) });
    try {
      const headers = bearing(await tokens.token({ access: [entry(repository, "*")] }));
      const other = bearing(await tokens.token({ access: [entry(repository, "*")], claims: { sub: "bob" } }));
      const remove = async (who: Record<string, string>) =>
        (await some.request(`/v2/${repository}/_trust/tuf/`, { method: "DELETE", headers: who })).status;
      expect([await remove(headers), await remove(headers), await remove(headers)]).toEqual([200, 200, 429]);
      expect(await remove(other)).toBe(200);
    } finally {
      await some.close();
    }
  });
});

it("whoever has no token reads everything where that is configured, and does nothing else", async () => {
  const open = await startServer({ access: tokens.access({ anonymousRead: true }) });
  try {
    expect((await open.get(path)).status).toBe(allowed);
    expect((await open.get(path)).status).toBe(allowed);
    expect((await open.get("/v2/")).status).toBe(401);
    expect((await open.get(`/v2/${repository}/_trust/tuf/timestamp.key`)).status).toBe(401);
    expect((await open.request(`/v2/${repository}/_trust/tuf/`, { method: "DELETE" })).status).toBe(401);
    // A token that is not good is not made good by that.
    expect((await open.get(path, bearing("a.b.c"))).status).toBe(401);
  } finally {
    await open.close();
  }
});

it("one that is verified while all are forgotten, as where keys are withdrawn, is not remembered", async () => {
  const token = await tokens.token({ access });
  const asked = tokens.access()({ now: () => start, logger: { info: () => {} } });
  const authorization = `Bearer ${token}`;
  const request = { headers: { authorization }, rawHeaders: ["Authorization", authorization] } as never;
  const route = { kind: "current", repository, role: "root" } as never;
  const verified = asked.authorize(request, route, "127.0.0.1");
  asked.forget();
  await verified;
  expect(asked.isKnownReader(request, route)).toBe(false);
  await asked.authorize(request, route, "127.0.0.1");
  expect(asked.isKnownReader(request, route)).toBe(true);
});

describe("a set of keys", () => {
  it("finds a key by its ID, its thumbprint, and alone", async () => {
    const { publicKey } = generateKeyPairSync("ed25519");
    const jwk = { ...(await exportJWK(publicKey)), kid: "one" };
    const keys = await keysOfSet(JSON.stringify({ keys: [jwk] }));
    expect(keys.find({ kid: "one" }, start)?.equals(publicKey)).toBe(true);
    expect(keys.find({}, start)?.equals(publicKey)).toBe(true);
    expect(keys.find({ kid: "two" }, start)).toBeUndefined();
    const two = await keysOfSet(
      JSON.stringify({
        keys: [
          jwk,
          {
            ...(await exportJWK(
              stranger.asymmetricKeyType ? generateKeyPairSync("ed25519").publicKey : publicKey,
            )),
            kid: "b",
          },
        ],
      }),
    );
    expect(two.find({}, start)).toBeUndefined();
  });

  it("passes over what is not known here, and what is for encrypting, and takes each key for its algorithm alone", async () => {
    const jwkOf = async (more: object) => ({
      ...(await exportJWK(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey)),
      ...more,
    });
    const keys = await keysOfSet(
      JSON.stringify({
        keys: [
          { kty: "EC", crv: "P-1", x: "AA", y: "AA", kid: "unknown" },
          await jwkOf({ kid: "wrap", key_ops: ["wrapKey"] }),
          await jwkOf({ kid: "one", alg: "ES256" }),
        ],
      }),
    );
    const found = (header: TokenHeader) => keys.find(header, start) !== undefined;
    expect([found({ kid: "one", alg: "ES256" }), found({ alg: "ES256" })]).toEqual([true, true]);
    expect(found({ kid: "one", alg: "ES384" })).toBe(false);
    expect([found({ kid: "unknown", alg: "ES256" }), found({ kid: "wrap", alg: "ES256" })]).toEqual([
      false,
      false,
    ]);
  });

  it("takes a key by either name of its algorithm", async () => {
    const jwk = { ...(await exportJWK(generateKeyPairSync("ed25519").publicKey)), alg: "EdDSA" };
    const keys = await keysOfSet(JSON.stringify({ keys: [jwk] }));
    expect(["EdDSA", "Ed25519", "ES256"].map((alg) => keys.find({ alg }, start) !== undefined)).toEqual([
      true,
      true,
      false,
    ]);
  });

  it("with something private or shared in it is refused", async () => {
    const secret = await exportJWK(stranger);
    await expect(keysOfSet(JSON.stringify({ keys: [secret] }))).rejects.toThrow(/not public/);
    await expect(keysOfSet(JSON.stringify({ keys: [{ kty: "oct", k: "AA" }] }))).rejects.toThrow(
      /not public/,
    );
    await expect(keysOfSet("[]")).rejects.toThrow();
  });
});
