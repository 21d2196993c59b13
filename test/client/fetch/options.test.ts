import { describe, expect, it } from "vitest";
import { noCredentials } from "../../../src/client/fetch/credentials.ts";
import { settle } from "../../../src/client/fetch/options.ts";
import { serverPair, trustCodeOf, trustErrorOf } from "../../support/fetching.ts";

const given = { server: "https://notary.example.test", credentials: noCredentials, environment: {} };

describe("the server", () => {
  it.each([
    ["https://notary.example.test", "https://notary.example.test"],
    ["https://Notary.Example.test:443/", "https://notary.example.test"],
    ["https://notary.example.test:4443/a/b//", "https://notary.example.test:4443/a/b"],
    ["http://127.0.0.1:4443", "http://127.0.0.1:4443"],
    ["http://127.8.9.1:4443", "http://127.8.9.1:4443"],
    ["http://[::1]:4443", "http://[::1]:4443"],
    ["http://localhost:4443", "http://localhost:4443"],
  ])("%s is %s", (server, base) => {
    expect(settle({ ...given, server }).server.base).toBe(base);
  });

  it.each([
    "notary.example.test",
    "http://notary.example.test",
    "http://127.0.0.1.example.test",
    "http://localhost.example.test",
    "http://10.0.0.1",
    "http://[::2]",
    "ftp://127.0.0.1",
    "https://ann:canary@notary.example.test",
    "https://notary.example.test/?a",
    "https://notary.example.test/#a",
    "https://",
    "",
  ])("cannot be %j", async (server) => {
    const error = await trustErrorOf(() => settle({ ...given, server }));
    expect(error.code).toBe("OPTION_INVALID");
    expect(error.message).not.toContain("canary");
  });
});

describe("token realms", () => {
  it("are origins, the server's own among them", () => {
    const { realms } = settle({
      ...given,
      tokenRealms: ["https://auth.example.test/token", "http://[::1]:5"],
    });
    expect([...realms]).toEqual([
      "https://notary.example.test",
      "https://auth.example.test",
      "http://[::1]:5",
    ]);
  });

  it.each(["auth.example.test", "http://auth.example.test", "*"])("cannot be %j", async (realm) => {
    expect(await trustCodeOf(() => settle({ ...given, tokenRealms: [realm] }))).toBe("OPTION_INVALID");
  });
});

describe("limits", () => {
  it("have defaults, one by one", () => {
    expect(settle({ ...given, limits: { tries: 1 } }).limits).toEqual({
      requestTime: 30_000,
      tries: 1,
      redirects: 3,
      connections: 8,
    });
  });

  it.each([
    { tries: 0 },
    { tries: 1.5 },
    { tries: Number.POSITIVE_INFINITY },
    { requestTime: 0 },
    { requestTime: 2 ** 31 },
    { redirects: -1 },
    { connections: 0 },
  ])("cannot be %j", async (limits) => {
    expect(await trustCodeOf(() => settle({ ...given, limits }))).toBe("OPTION_INVALID");
  });
});

describe("certificates", () => {
  it("have to be certificates", async () => {
    expect(await trustCodeOf(() => settle({ ...given, ca: "no PEM" }))).toBe("OPTION_INVALID");
  });

  it("of the client have to fit their key, which is in no error", async () => {
    const [one, two] = await Promise.all([serverPair(), serverPair()]);
    for (const clientCertificate of [
      { certificate: one.cert, key: two.key },
      { certificate: one.cert, key: `${one.key.slice(0, 80)}\ncanary` },
      { certificate: "no PEM", key: one.key },
    ]) {
      const error = await trustErrorOf(() => settle({ ...given, clientCertificate }));
      expect(error.code).toBe("OPTION_INVALID");
      expect(error.cause).toBeUndefined();
    }
  });
});

it("A name of the program cannot hold line breaks", async () => {
  expect(await trustCodeOf(() => settle({ ...given, userAgent: "a\r\nb: c" }))).toBe("OPTION_INVALID");
});

it.each([
  [{ HTTPS_PROXY: "http://proxy.example.test" }, true],
  [{ all_proxy: "http://proxy.example.test" }, true],
  [{ HTTPS_PROXY: "", http_proxy: "http://proxy.example.test" }, false],
])("The environment %j names a proxy: %s", (environment, expected) => {
  expect(settle({ ...given, environment }).proxies).toBe(expected);
});
