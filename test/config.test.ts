import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { configurationKeys, jsonSchema, variableName } from "../src/config/keys.ts";
import { formatDuration, formatSize, parseDuration, parseSize } from "../src/config/units.ts";
import { ConfigurationError, isLoopback, type LoadedConfig, loadConfig } from "../src/config.ts";
import { proposalDefaults } from "../src/service/proposals/proposal-service.ts";
import { configurationPage } from "../tools/configuration-page.ts";

interface Given {
  readonly flags?: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly yaml?: string;
}

function load({ flags = {}, env = {}, yaml }: Given): LoadedConfig {
  return loadConfig({
    flags: Object.entries(flags).map(([key, text]) => ({ flag: `--set ${key}`, key, text })),
    env,
    ...(yaml === undefined ? {} : { file: "vidimus.yaml" }),
    readFile: () => yaml ?? "",
  });
}

function refusal(given: Given): ConfigurationError {
  try {
    load(given);
  } catch (error) {
    if (error instanceof ConfigurationError) return error;
    throw error;
  }
  throw new Error("the configuration was accepted");
}

function originOf(loaded: LoadedConfig, key: string): string | undefined {
  return loaded.rows.find((row) => row.key === key)?.origin;
}

/** An identity provider that may be there. */
const ci =
  "issuer: 'https://ci.test', audience: us, rules: [{ claims: { sub: a }, allow: [{ pattern: a, actions: [pull] }] }]";
const withOidc = (text: string) =>
  `auth: { mode: builtin, builtin: { realm: 'https://a.test/token' }, oidc: { ${text} } }`;

describe("sources", () => {
  it("gives the defaults when nothing is set", () => {
    const { config } = load({});
    expect([config.server.host, config.server.port, config.data]).toEqual(["127.0.0.1", 4443, "./data"]);
  });

  it.each([
    ["file over default", { yaml: "server: { port: 1 }" }, 1, "vidimus.yaml:1"],
    [
      "environment over file",
      { yaml: "server: { port: 1 }", env: { VIDIMUS__SERVER__PORT: "2" } },
      2,
      "VIDIMUS__SERVER__PORT",
    ],
    [
      "flag over environment",
      { yaml: "server: { port: 1 }", env: { VIDIMUS__SERVER__PORT: "2" }, flags: { "server.port": "3" } },
      3,
      "--set server.port",
    ],
  ])("%s", (_name, given, port, origin) => {
    const loaded = load(given);
    expect(loaded.config.server.port).toBe(port);
    expect(originOf(loaded, "server.port")).toBe(origin);
  });

  it("names the line of the file", () => {
    expect(originOf(load({ yaml: "log:\n  level: debug\n  format: json\n" }), "log.format")).toBe(
      "vidimus.yaml:3",
    );
  });

  it("finds the file by VIDIMUS_CONFIG", () => {
    const readFile = (path: string) => (path === "/x.yaml" ? "server: { port: 7 }" : "");
    expect(loadConfig({ flags: [], env: { VIDIMUS_CONFIG: "/x.yaml" }, readFile }).config.server.port).toBe(
      7,
    );
  });

  it("refuses a file that cannot be read", () => {
    const readFile = () => {
      throw Object.assign(new Error("no"), { code: "ENOENT" });
    };
    expect(() => loadConfig({ flags: [], env: {}, file: "x", readFile })).toThrow(
      expect.objectContaining({ code: "BAD_FILE" }),
    );
  });

  it.each([
    ["text that is not YAML", "server: ["],
    ["the same key twice", "data: a\ndata: b"],
    ["an alias", "data: &a x\nlog: { level: *a }"],
    ["more than 1 MiB", `# ${"x".repeat(1_048_576)}`],
  ])("refuses a file with %s", (_name, yaml) => {
    expect(refusal({ yaml }).code).toBe("BAD_FILE");
  });

  it("reads booleans and lists from the environment", () => {
    const env = { VIDIMUS__SERVER__READ_ONLY: "true", VIDIMUS__TLS__NAMES: "a.example, b.example" };
    const { config } = load({ env });
    expect([config.server.readOnly, config.tls.names]).toEqual([true, ["a.example", "b.example"]]);
  });

  it("takes VIDIMUS__…_FILE of a secret as a file URI", () => {
    const { config } = load({ env: { VIDIMUS__SIGNER__SECRET_FILE: "/run/kek" } });
    expect(config.signer.secret).toBe("file:/run/kek");
  });

  it("refuses a secret given twice in the environment", () => {
    const env = { VIDIMUS__SIGNER__SECRET_FILE: "/run/kek", VIDIMUS__SIGNER__SECRET: "env:KEK" };
    expect(refusal({ env }).code).toBe("CONTRADICTION");
  });

  it("knows _FILE for secrets only", () => {
    expect(refusal({ env: { VIDIMUS__DATA_FILE: "x" } }).code).toBe("UNKNOWN_KEY");
  });
});

describe("unknown keys", () => {
  it.each([
    ["file", { yaml: "servre: { port: 1 }" }, "servre", "server"],
    ["file, deeper", { yaml: "server: { prot: 1 }" }, "server.prot", "server.port"],
    [
      "environment",
      { env: { VIDIMUS__SERVER__PROT: "1" } },
      "VIDIMUS__SERVER__PROT",
      "VIDIMUS__SERVER__PORT",
    ],
    ["flag", { flags: { "server.prot": "1" } }, "server.prot", "server.port"],
    ["prototype member", { yaml: "__proto__: { port: 1 }" }, "__proto__", undefined],
    ["prototype member below", { yaml: "server: { constructor: 1 }" }, "server.constructor", undefined],
  ])("names the nearest: %s", (_name, given, subject, nearest) => {
    const error = refusal(given);
    expect(error.problems[0]).toMatchObject({ code: "UNKNOWN_KEY", subject });
    if (nearest === undefined) expect(error.message).not.toContain("did you mean");
    else expect(error.message).toContain(`did you mean ${nearest}?`);
  });

  it("refuses a dotted key in the file", () => {
    expect(refusal({ yaml: "server.port: 1" }).problems[0]).toMatchObject({
      code: "UNKNOWN_KEY",
      subject: "server.port",
    });
  });

  it("reports all problems at once", () => {
    expect(refusal({ yaml: "prot: 1\nserver: { port: x }" }).problems.map((problem) => problem.code)).toEqual(
      ["UNKNOWN_KEY", "BAD_VALUE"],
    );
  });
});

describe("values", () => {
  it.each([
    ["a duration without unit", { yaml: "caching: { current: 300 }" }],
    ["a duration beyond its range", { yaml: "caching: { consistent: 31536001s }" }],
    ["a size without unit", { flags: { "limits.uploadBytes": "100" } }],
    ["a port beyond 65535", { env: { VIDIMUS__SERVER__PORT: "65536" } }],
    ["a boolean that is not one", { env: { VIDIMUS__SERVER__READ_ONLY: "yes" } }],
    ["a group as a value", { yaml: "server: 4443" }],
    ["a file that is a list", { yaml: "- server" }],
    ["a secret that is not a URI", { env: { VIDIMUS__SIGNER__SECRET: "hunter2" } }],
  ])("refuses %s", (_name, given) => {
    expect(refusal(given).code).toBe("BAD_VALUE");
  });

  it("never repeats the value of a secret", () => {
    const canary = "canary-7f3a";
    expect(refusal({ env: { VIDIMUS__SIGNER__SECRET: canary } }).message).not.toContain(canary);
  });

  it("accepts the edges of caching", () => {
    const { config } = load({ yaml: "caching: { current: 0s, consistent: 31536000s }" });
    expect(config.caching).toEqual({ current: 0, consistent: 31_536_000_000 });
  });
});

it("proposals have the bounds of the service unless something is set", () => {
  expect(load({}).config.proposals).toEqual(proposalDefaults);
});

describe("rules", () => {
  it.each([
    ["CONTRADICTION", "tls.key", "tls: { certificate: a.pem }"],
    ["CONTRADICTION", "tls.certificate", "tls: { key: a.pem }"],
    ["CONTRADICTION", "server.port", "server: { socket: /run/s, port: 1 }"],
    ["CONTRADICTION", "server.plainHttp", "server: { plainHttp: true }\ntls: { certificate: a, key: b }"],
    ["CONTRADICTION", "server.workers", "server: { workers: 1 }\nstore: { kind: memory }"],
    ["CONTRADICTION", "signer.secret", "server: { workers: 1 }\nsigner: { secret: fd:3 }"],
    ["CONTRADICTION", "operations.port", "operations: { port: 1 }"],
    ["CONTRADICTION", "limits.uploadsInMemory", "limits: { uploadsInMemory: 1MiB }"],
    ["CONTRADICTION", "proposals.openHere", "proposals: { openHere: 1001 }"],
    ["CONTRADICTION", "proposals.openInAll", "proposals: { openInAll: 19 }"],
    ["CONTRADICTION", "proposals.lifetime", "proposals: { lifetime: 91d }"],
    ["CONTRADICTION", "proposals.leastLifetime", "proposals: { leastLifetime: 31d }"],
    ["CONTRADICTION", "proposals.bytesInAll", "proposals: { bytesInAll: 1MiB }"],
    ["CONTRADICTION", "limits.headersTimeout", "limits: { headersTimeout: 26s }"],
    ["CONTRADICTION", "limits.requestTimeout", "limits: { requestTimeout: 9s }"],
    [
      "NOT_SAFE",
      "server.plainHttp",
      "server: { plainHttp: true, host: 0.0.0.0 }\nauth: { acceptAnonymous: true }",
    ],
    ["NOT_SAFE", "operations.plainHttp", "operations: { enabled: true, plainHttp: true, host: 0.0.0.0 }"],
    ["NOT_SAFE", "auth.acceptAnonymous", "server: { host: 0.0.0.0 }"],
    ["BAD_VALUE", "auth.mode", "auth: { mode: htpasswd }"],
    ["CONTRADICTION", "auth.token.realm", "auth: { mode: token }"],
    [
      "CONTRADICTION",
      "auth.token.certificates",
      "auth: { mode: token, token: { realm: 'https://a.test/token', service: a, issuer: a } }",
    ],
    [
      "CONTRADICTION",
      "auth.token.certificates",
      "auth: { mode: token, token: { realm: 'https://a.test/token', service: a, issuer: a, certificates: a, jwks: a } }",
    ],
    ["NOT_SAFE", "auth.token.realm", "auth: { token: { realm: 'http://auth.example.test/token' } }"],
    ["NOT_SAFE", "auth.token.realm", "auth: { token: { realm: 'not an address' } }"],
    ["BAD_VALUE", "auth.token.service", "auth: { token: { service: 'a b' } }"],
    ["BAD_VALUE", "server.trustedProxies", "server: { trustedProxies: [10.0.0.0/33] }"],
    ["BAD_VALUE", "tls.names", "tls: { names: ['a b'] }"],
    ["BAD_VALUE", "tls.names", "tls: { names: [] }"],
    ["BAD_VALUE", "webhooks.urls", "webhooks: { urls: ['http://a.example/x'], secrets: ['env:A'] }"],
    ["BAD_VALUE", "webhooks.urls", "webhooks: { urls: ['https://u:p@a.example/'], secrets: ['env:A'] }"],
    [
      "BAD_VALUE",
      "webhooks.urls",
      "webhooks: { urls: ['https://a.example', 'https://a.example'], secrets: ['env:A'] }",
    ],
    ["BAD_VALUE", "webhooks.secrets", "webhooks: { urls: ['https://a.example'], secrets: ['whsec_AAAA'] }"],
    ["BAD_VALUE", "webhooks.secrets", "webhooks: { urls: ['https://a.example'], secrets: ['fd:3'] }"],
    ["CONTRADICTION", "webhooks.secrets", "webhooks: { urls: ['https://a.example'] }"],
    ["CONTRADICTION", "webhooks.secrets", "webhooks: { secrets: ['env:A'] }"],
    ["CONTRADICTION", "auth.oidc.issuers", `auth: { oidc: { issuers: [{ ${ci} }] } }`],
    [
      "CONTRADICTION",
      "auth.oidc.login.issuer",
      "auth: { oidc: { login: { issuer: 'https://a', clientId: a } } }",
    ],
    ["NOT_SAFE", "auth.oidc.algorithms", withOidc("algorithms: [HS256]")],
    ["NOT_SAFE", "auth.oidc.algorithms", withOidc("algorithms: [none]")],
    ["NOT_SAFE", "auth.oidc.algorithms", withOidc("algorithms: []")],
    ["NOT_SAFE", "auth.oidc.algorithms", withOidc(`issuers: [{ ${ci}, algorithms: [HS256] }]`)],
    ["BAD_VALUE", "auth.oidc.issuers", withOidc(`issuers: [{ ${ci.replace("https:", "http:")} }]`)],
    ["BAD_VALUE", "auth.oidc.issuers", withOidc(`issuers: [{ ${ci.replace("https://", "https://u:p@")} }]`)],
    ["BAD_VALUE", "auth.oidc.issuers", withOidc(`issuers: [{ ${ci}, jwks: 'http://a.test/keys' }]`)],
    ["BAD_VALUE", "auth.oidc.issuers", withOidc(`issuers: [{ ${ci} }, { ${ci} }]`)],
    [
      "BAD_VALUE",
      "auth.oidc.issuers",
      withOidc(`issuers: [{ ${ci} }, { ${ci.replace("ci.test", "b.test")} }]`),
    ],
    ["BAD_VALUE", "auth.oidc.issuers", withOidc(`issuers: [{ ${ci}, name: 'oidc:{sub}' }]`)],
    ["BAD_VALUE", "auth.oidc.issuers", withOidc(`issuers: [{ ${ci}, name: '{sub}' }]`)],
    ["BAD_VALUE", "auth.oidc.issuers", withOidc(`issuers: [{ ${ci}, name: 'ci:' }]`)],
    ["BAD_VALUE", "auth.oidc.issuers", withOidc(`issuers: [{ ${ci.replace("sub: a", "")} }]`)],
    ["BAD_VALUE", "auth.oidc.issuers", withOidc(`issuers: [{ ${ci.replace("sub: a", "aud: a, iss: b")} }]`)],
    ["BAD_VALUE", "auth.oidc.issuers", withOidc(`issuers: [{ ${ci.replace("sub: a", "sub: a***")} }]`)],
    ["BAD_VALUE", "auth.oidc.issuers", withOidc(`issuers: [{ ${ci.replace("sub: a", "ref: a")} }]`)],
    ["BAD_VALUE", "auth.oidc.issuers", withOidc(`issuers: [{ ${ci.replace("sub: a", "sub: '**'")} }]`)],
    ["BAD_VALUE", "auth.oidc.issuers", withOidc(`issuers: [{ ${ci.replace("[pull]", "[admin]")} }]`)],
    ["BAD_VALUE", "auth.oidc.issuers", withOidc(`issuers: [{ ${ci.replace("[pull]", "[fly]")} }]`)],
    ["BAD_VALUE", "auth.oidc.issuers", withOidc(`issuers: [{ ${ci}, audiences: a }]`)],
    ["BAD_VALUE", "auth.oidc.login.clientId", withOidc("login: { issuer: 'https://a.test' }")],
    ["BAD_VALUE", "auth.oidc.login.issuer", withOidc("login: { clientId: a }")],
    ["BAD_VALUE", "auth.oidc.login.issuer", withOidc("login: { issuer: 'http://a.test', clientId: a }")],
    [
      "BAD_VALUE",
      "auth.oidc.login.name",
      withOidc("login: { issuer: 'https://a.test', clientId: a, name: a }"),
    ],
    [
      "BAD_VALUE",
      "auth.oidc.login.scopes",
      withOidc("login: { issuer: 'https://a.test', clientId: a, scopes: [email] }"),
    ],
    [
      "BAD_VALUE",
      "auth.oidc.login.claims",
      withOidc("login: { issuer: 'https://a.test', clientId: a, claims: { hd: '***' } }"),
    ],
    [
      "BAD_VALUE",
      "auth.oidc.login.clientId",
      withOidc(`issuers: [{ ${ci} }], login: { issuer: 'https://ci.test', clientId: us }`),
    ],
  ])("%s %s", (code, subject, yaml) => {
    expect(refusal({ yaml }).problems).toEqual([expect.objectContaining({ code, subject })]);
  });

  it("accepts identity providers, of which it says where something is wrong", () => {
    const more = `{ ${ci.replace("us", "them")}, jwks: keys.json }, { ${ci.replace("ci.test", "b.test")}, name: 'b:{sub}' }`;
    const login = "login: { issuer: 'https://a.test', clientId: a, claims: { hd: example.test } }";
    const { auth } = load({ yaml: withOidc(`issuers: [{ ${ci} }, ${more}], ${login}`) }).config;
    expect(auth.oidc.issuers.map(({ name }) => name)).toEqual([
      "workload:{sub}",
      "workload:{sub}",
      "b:{sub}",
    ]);
    expect(auth.oidc.issuers[0]?.rules[0]?.claims).toEqual({ sub: "a" });
    const [first] = refusal({
      yaml: withOidc(`issuers: [{ ${ci} }, { issuer: 'https://a.test' }]`),
    }).problems;
    expect(first?.sentence).toContain("number 2, audience: ");
  });

  it("reads a structure from a variable as JSON", () => {
    const issuers = [
      {
        issuer: "https://ci.test",
        audience: "us",
        rules: [{ claims: { sub: "a" }, allow: [{ pattern: "a", actions: ["pull"] }] }],
      },
    ];
    const env = { VIDIMUS__AUTH__OIDC__ISSUERS: JSON.stringify(issuers) };
    expect(load({ yaml: withOidc(""), env }).config.auth.oidc.issuers).toMatchObject(issuers);
    expect(refusal({ env: { VIDIMUS__AUTH__OIDC__ISSUERS: "ci" } }).problems[0]?.code).toBe("BAD_VALUE");
  });

  it.each(["/a/", "a", "a//", "../a/", "a/../b/", "./", "/", "a//b/"])("refuses the prefix %s", (prefix) => {
    expect(refusal({ flags: { "repositories.prefixes": prefix } }).problems[0]?.subject).toBe(
      "repositories.prefixes",
    );
  });

  it.each(["a/", "registry.example/team/"])("accepts the prefix %s", (prefix) => {
    expect(load({ flags: { "repositories.prefixes": prefix } }).config.repositories.prefixes).toEqual([
      prefix,
    ]);
  });

  it.each([
    "server: { plainHttp: true }",
    "server: { plainHttp: true, socket: /run/s }",
    "server: { host: 0.0.0.0 }\nauth: { acceptAnonymous: true }",
    "server: { host: '::1' }",
  ])("accepts %s", (yaml) => {
    expect(load({ yaml }).config.auth.mode).toBe("none");
  });

  it.each([
    ["127.0.0.1", true],
    ["127.255.0.9", true],
    ["::1", true],
    ["localhost", true],
    ["0.0.0.0", false],
    ["::", false],
    ["128.0.0.1", false],
    ["localhost.example", false],
  ])("loopback %s: %s", (host, expected) => {
    expect(isLoopback(host)).toBe(expected);
  });
});

describe("units", () => {
  it("durations survive formatting", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999_999 }), (seconds) => {
        expect(parseDuration(formatDuration(seconds * 1000))).toBe(seconds * 1000);
      }),
    );
  });

  it("sizes survive formatting", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999_999_999_999 }), (bytes) => {
        expect(parseSize(formatSize(bytes))).toBe(bytes);
      }),
    );
  });

  it("odd text is no duration and no size, or stays a safe integer", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9]{0,20}[ A-Za-z]{0,4}$/)), (text) => {
        for (const value of [parseDuration(text), parseSize(text)]) {
          expect(value === undefined || (Number.isSafeInteger(value) && value >= 0)).toBe(true);
        }
      }),
    );
  });

  it.each([
    ["14d", 1_209_600_000],
    ["300s", 300_000],
    ["0s", 0],
  ])("%s is %d ms", (text, value) => {
    expect(parseDuration(text)).toBe(value);
  });

  it.each(["14", "d", "2w", "-1d", "1.5h", " 1d", "1d ", "1D", "1e3s", ""])("%j is no duration", (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it.each(["32", "32MB", "1 MiB", "MiB", "-1B"])("%j is no size", (text) => {
    expect(parseSize(text)).toBeUndefined();
  });
});

describe("keys", () => {
  it("environment names are one to one", () => {
    expect(new Set(configurationKeys.map((row) => row.variable)).size).toBe(configurationKeys.length);
  });

  it("an environment name says its key", () => {
    const level = fc.stringMatching(/^[a-z]{1,6}([A-Z][a-z]{1,4}){0,3}$/);
    fc.assert(
      fc.property(fc.array(level, { minLength: 1, maxLength: 4 }), (levels) => {
        const back = variableName(levels.join("."))
          .split("__")
          .slice(1)
          .map((name) =>
            name.toLowerCase().replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
          );
        expect(back).toEqual(levels);
      }),
    );
  });

  it("every odd variable is refused by name, never by a crash", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 60 }), (tail) => {
        const name = `VIDIMUS__${tail}`;
        fc.pre(!configurationKeys.some((row) => name === row.variable || name === `${row.variable}_FILE`));
        expect(refusal({ env: { [name]: "x" } }).problems[0]).toMatchObject({
          code: "UNKNOWN_KEY",
          subject: name,
        });
      }),
    );
  });

  it("the schema describes every key", () => {
    expect(Object.keys(jsonSchema().properties as object)).toContain("server");
    expect(configurationKeys.filter((row) => row.description.length < 10)).toEqual([]);
  });

  it("the page is what the schema says", () => {
    expect(readFileSync(new URL("../docs/configuration.md", import.meta.url), "utf8")).toBe(
      configurationPage(),
    );
  });
});
