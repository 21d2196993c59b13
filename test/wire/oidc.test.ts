/** Identity providers as the configuration says: their keys, and whose token counts for how long. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config.ts";
import { openOidc } from "../../src/wire/oidc.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { audience, clientId, IdentityProvider, issuer } from "../support/identity-provider.ts";

const logger = pino({ level: "silent" });
const folder = temporaryDirectory();
const jwks = join(folder, "keys.json");
let provider: IdentityProvider;

beforeAll(async () => {
  provider = new IdentityProvider(Date.now);
  writeFileSync(jwks, await provider.keySet());
});

const rules = [{ claims: { repository: "acme/app" }, allow: [{ pattern: "a", actions: ["pull"] }] }];
async function opened(oidc: object) {
  const builtin = { realm: "https://notary.example.test/token" };
  const text = JSON.stringify({ auth: { mode: "builtin", builtin, oidc } });
  const { config } = loadConfig({ flags: [], env: {}, file: "vidimus.yaml", readFile: () => text });
  return await openOidc(config, logger);
}
const started = async (oidc: object) => (await opened(oidc))?.oidc;
const workloads = (more: object = {}) => started({ issuers: [{ issuer, audience, jwks, rules, ...more }] });
const codeOf = async (work: Promise<unknown>) =>
  await work.then(
    () => "",
    ({ code }: { code: string }) => code,
  );

it("are none where none is configured", async () => {
  expect(await opened({})).toBeUndefined();
});

describe("a file of keys", () => {
  it("is read at the start, and nobody is asked", async () => {
    const found = await (await workloads())?.identify(await provider.token(), "192.0.2.1");
    expect(found?.name).toBe("workload:repo:acme/app:ref:refs/heads/main");
    expect(found?.scopes).toEqual(rules[0]?.allow);
  });

  it.each<[string, string | undefined]>([
    ["is not there", undefined],
    ["is no set of keys", "keys"],
    ["holds a secret key", '{"keys":[{"kty":"oct","k":"AA"}]}'],
    ["is too large", " ".repeat(1024 * 1024 + 1)],
  ])("that %s stops the start", async (name, text) => {
    const file = join(folder, name);
    if (text !== undefined) writeFileSync(file, text);
    expect(await codeOf(workloads({ jwks: file }))).toBe("TOKEN_KEYS_UNUSABLE");
  });

  it("and an authority that cannot be read stops it, too", async () => {
    expect(await codeOf(workloads({ ca: join(folder, "no-ca") }))).toBe("TOKEN_KEYS_UNUSABLE");
  });
});

describe("a reload", () => {
  it("reads files of keys again, and leaves the old ones in force where the new cannot be used", async () => {
    const file = join(folder, "changing.json");
    const next = new IdentityProvider(Date.now);
    writeFileSync(file, await provider.keySet());
    const found = await opened({ issuers: [{ issuer, audience, jwks: file, rules }] });
    const by = async (whose: IdentityProvider) =>
      await codeOf(found?.oidc.identify(await whose.token(), "") ?? Promise.resolve());
    expect([await by(provider), await by(next)]).toEqual(["", "UNAUTHORIZED"]);
    writeFileSync(file, "keys");
    found?.reload();
    expect([await by(provider), await by(next)]).toEqual(["", "UNAUTHORIZED"]);
    writeFileSync(file, await next.keySet());
    found?.reload();
    expect([await by(provider), await by(next)]).toEqual(["UNAUTHORIZED", ""]);
  });
});

it("how long tokens count may be another time for an issuer", async () => {
  const now = Math.floor(Date.now() / 1_000);
  const old = { iat: now - 600, nbf: now - 600, exp: now + 600 };
  const counts = async (more: object) =>
    await codeOf(
      (await workloads(more))?.identify(await provider.token({ claims: old }), "") ?? Promise.resolve(),
    );
  expect([await counts({}), await counts({ maxAge: "5m" }), await counts({ maxAge: "15m" })]).toEqual([
    "",
    "UNAUTHORIZED",
    "",
  ]);
});

it.each(["30s", "25h", "5", "never"])("an age of %s is no time for a token of an issuer", async (maxAge) => {
  await expect(workloads({ maxAge })).rejects.toMatchObject({ problems: [{ code: "BAD_VALUE" }] });
});

it("algorithms of an issuer stand in the place of those of all", async () => {
  const oidc = await workloads({ algorithms: ["ES256"] });
  expect(await codeOf(oidc?.identify(await provider.token(), "") ?? Promise.resolve())).toBe("UNAUTHORIZED");
});

it("an issuer in a private network is asked nothing unless that is allowed", async () => {
  const oidc = await started({ issuers: [{ issuer: "https://127.0.0.1:1", audience, rules }] });
  const token = await provider.token({ claims: { iss: "https://127.0.0.1:1" } });
  expect(await codeOf(oidc?.identify(token, "") ?? Promise.resolve())).toBe("OVERLOADED");
});

describe("a person's token", () => {
  const login = { issuer, clientId, jwks, name: "{email}", claims: { groups: "notary-*" } };
  const claims = { email: "alice@example.test", email_verified: true, groups: ["staff", "notary-users"] };
  const identified = async (more: object) => {
    const oidc = await started({ login });
    expect(oidc?.people).toEqual({ issuer, clientId, scopes: ["openid"] });
    return await oidc?.identify(await provider.personToken({ ...claims, ...more }), "");
  };
  const now = () => Math.floor(Date.now() / 1_000);

  it("gives the name and asks for the claims that the configuration says", async () => {
    expect(await identified({})).toMatchObject({ name: "oidc:alice@example.test", scopes: undefined });
    expect(await codeOf(identified({ groups: ["staff"] }))).toBe("FORBIDDEN");
    expect(await codeOf(identified({ email_verified: false }))).toBe("FORBIDDEN");
  });

  it("counts for ten minutes after it was made, however long it lives", async () => {
    expect((await identified({ iat: now() - 580, exp: now() + 3_600 }))?.name).toBe(
      "oidc:alice@example.test",
    );
    expect(await codeOf(identified({ iat: now() - 700, exp: now() + 3_600 }))).toBe("UNAUTHORIZED");
  });
});
