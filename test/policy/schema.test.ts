/** The policy file: what each key gives, and what refuses the whole. Long, since every key has both its sides. */
import { describe, expect, it } from "vitest";
import { readPolicy } from "../../src/policy/schema.ts";
import {
  algorithms,
  defaultLookup,
  type PolicyProblem,
  type Rule,
  type TrustPolicy,
} from "../../src/policy/trust-policy.ts";

const id = "0123456789abcdef".repeat(4);
const other = "fedcba9876543210".repeat(4);

function policy(value: unknown): TrustPolicy {
  const result = readPolicy(value);
  return "length" in result ? expect.unreachable(JSON.stringify(result)) : result;
}

function problems(value: unknown): readonly PolicyProblem[] {
  const result = readPolicy(value);
  return "length" in result ? result : expect.unreachable("It was not refused.");
}

/** Where the problems are, as text. */
function places(value: unknown): readonly string[] {
  return problems(value).map(({ path }) => path.join("."));
}

function rule(settings: object, defaults: object = {}): Rule {
  const [only] = policy({ defaults, repositories: [{ match: "team/app", ...settings }] }).rules;
  return only ?? expect.unreachable();
}

const places1 = (settings: object) => places({ repositories: [{ match: "team/app", ...settings }] });

describe("an empty policy", () => {
  it("refuses every name and knows no server", () => {
    expect(policy({})).toEqual({ default: "refuse", server: undefined, servers: new Map(), rules: [] });
  });

  it.each<[unknown]>([[null], [undefined], [5], ["text"], [true], [[]], [[{}]]])("is not %j", (value) => {
    expect(places(value)).toEqual([""]);
  });
});

describe("a rule with nothing but match", () => {
  it("demands nothing, and trusts nothing unpinned", () => {
    expect(rule({})).toEqual({
      match: { text: "team/app", segments: ["docker.io", "team", "app"] },
      place: "repositories[0]",
      server: undefined,
      trustedAs: undefined,
      tofu: false,
      pins: undefined,
      rootMinThreshold: 1,
      rootMaxLifetime: undefined,
      onRotation: "repin",
      roles: new Map(),
      lookup: defaultLookup,
      require: [],
      algorithms: undefined,
      maxAge: undefined,
      unknownAge: "refuse",
      offlineMaxAge: undefined,
      maxVersionStep: undefined,
      origins: new Map(),
    });
  });
});

describe("keys of a rule", () => {
  it.each<[string, object, Partial<Rule>]>([
    [
      "server",
      { server: "https://notary.example.test:4443/" },
      { server: "https://notary.example.test:4443/" },
    ],
    ["tofu", { tofu: true }, { tofu: true }],
    [
      "root.pins.keys",
      { root: { pins: { keys: [id] } } },
      { pins: { keys: [id], certificates: [], ca: undefined } },
    ],
    [
      "root.pins.certificates",
      { root: { pins: { certificates: [id, other] } } },
      { pins: { keys: [], certificates: [id, other], ca: undefined } },
    ],
    [
      "root.pins.ca",
      { root: { pins: { ca: "ca.pem" } } },
      { pins: { keys: [], certificates: [], ca: "ca.pem" } },
    ],
    ["root.minThreshold", { root: { minThreshold: 3 } }, { rootMinThreshold: 3 }],
    ["root.onRotation", { root: { onRotation: "anchor" } }, { onRotation: "anchor" }],
    ["lookup", { lookup: ["targets/a/**", "targets"] }, { lookup: ["targets/a/**", "targets"] }],
    ["require", { require: ["targets", "targets/qa"] }, { require: ["targets", "targets/qa"] }],
    ["algorithms", { algorithms: [...algorithms] }, { algorithms: new Set(algorithms) }],
    ["signatures.maxAge", { signatures: { maxAge: "180d" } }, { maxAge: 180 * 86_400_000 }],
    ["signatures.unknownAge", { signatures: { unknownAge: "allow" } }, { unknownAge: "allow" }],
    ["offline.maxAge", { offline: { maxAge: "12h" } }, { offlineMaxAge: 12 * 3_600_000 }],
    [
      "roles",
      { roles: { targets: { minThreshold: 2 }, "targets/a": { maxLifetime: "30d", paths: ["v1", ""] } } },
      {
        roles: new Map([
          ["targets", { minThreshold: 2, maxLifetime: undefined, paths: undefined }],
          ["targets/a", { minThreshold: 1, maxLifetime: 30 * 86_400_000, paths: ["v1", ""] }],
        ]),
      },
    ],
  ])("%s", (_, settings, expected) => {
    expect(rule(settings)).toMatchObject(expected);
  });

  it("trustedAs", () => {
    expect(rule({ trustedAs: "nginx" }).trustedAs?.segments).toEqual(["docker.io", "library", "nginx"]);
  });

  it("match, which must be there", () => {
    expect(problems({ repositories: [{}] })).toEqual([
      { path: ["repositories", 0, "match"], sentence: "is missing" },
    ]);
  });
});

describe("keys of the policy", () => {
  it("version", () => {
    expect(policy({ version: 1 }).rules).toEqual([]);
    expect(places({ version: 2 })).toEqual(["version"]);
    expect(places({ version: "1" })).toEqual(["version"]);
  });

  it("default", () => {
    expect(policy({ default: "unverified" }).default).toBe("unverified");
    expect(places({ default: "allow" })).toEqual(["default"]);
  });

  it("server", () => {
    expect(policy({ server: "http://127.0.0.1:4443" }).server).toBe("http://127.0.0.1:4443");
  });

  it("servers, looked up without the slash at the end", () => {
    const settings = {
      ca: "ca.pem",
      clientCertificate: { certificate: "c.pem", key: "k.pem" },
      tokenRealms: ["https://auth.example.test"],
    };
    expect(
      policy({ servers: { "https://a.example.test/": settings, "https://b.example.test": {} } }).servers,
    ).toEqual(
      new Map<string, unknown>([
        ["https://a.example.test", settings],
        ["https://b.example.test", { ca: undefined, clientCertificate: undefined, tokenRealms: [] }],
      ]),
    );
  });

  it("servers, no more than 64", () => {
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`https://s${index}.example.test`, {}]));
    expect(policy({ servers: many(64) }).servers.size).toBe(64);
    expect(places({ servers: many(65) })).toEqual(["servers"]);
  });
});

describe("defaults", () => {
  it("speak where a rule is silent", () => {
    expect(rule({ tofu: true }, { lookup: ["targets"], tofu: false })).toMatchObject({
      tofu: true,
      lookup: ["targets"],
    });
  });

  it("are replaced key by key, not member by member", () => {
    const own = rule({ root: { minThreshold: 2 } }, { root: { pins: { keys: [id] }, onRotation: "anchor" } });
    expect(own).toMatchObject({ pins: undefined, rootMinThreshold: 2, onRotation: "repin" });
  });

  it("are not hidden by a member that a value gives as undefined", () => {
    const own = rule(
      { root: undefined, roles: undefined },
      { root: { minThreshold: 2, pins: { keys: [id] } } },
    );
    expect(own).toMatchObject({ rootMinThreshold: 2, pins: { keys: [id] } });
  });

  it("match nothing", () => {
    const [problem] = problems({ defaults: { match: "a/b" } });
    expect(problem?.path).toEqual(["defaults", "match"]);
    expect(problem?.sentence).not.toMatch(/mean match/);
  });
});

describe("of the wrong type", () => {
  const wrong = [null, 5, "text", true, [], {}, [5], { a: 1 }];
  it.each<[string, readonly unknown[]]>([
    ["server", wrong],
    ["trustedAs", [null, 5, true, [], {}]],
    ["tofu", wrong.filter((each) => each !== true)],
    ["root", [null, 5, "text", true, []]],
    ["roles", [null, 5, "text", true, []]],
    ["lookup", wrong],
    ["require", [null, 5, "text", true, {}, [5]]],
    ["algorithms", wrong],
    ["signatures", [null, 5, "text", true, []]],
    ["offline", wrong],
  ])("%s", (key, values) => {
    for (const value of values) {
      const found = places1({ [key]: value });
      expect(found.length, JSON.stringify(value)).toBeGreaterThan(0);
      for (const place of found) expect(place).toMatch(new RegExp(`^repositories\\.0\\.${key}(?:\\.|$)`));
    }
  });

  it.each<[string, unknown]>([
    ["default", 5],
    ["server", []],
    ["servers", []],
    ["defaults", "text"],
    ["repositories", {}],
  ])("%s of the policy", (key, value) => {
    expect(places({ [key]: value })).toEqual([key]);
  });

  it("a rule that is none", () => {
    expect(places({ repositories: [{ match: "a/b" }, "a/c"] })).toEqual(["repositories.1"]);
  });
});

describe("text that means nothing", () => {
  it.each<[string, object]>([
    ["server", { server: "notary.example.test" }],
    ["server", { server: "ftp://notary.example.test" }],
    ["server", { server: "https://user:word@notary.example.test" }],
    ["server", { server: "https://notary.example.test?a" }],
    ["trustedAs", { trustedAs: "a*" }],
    ["lookup.0", { lookup: ["root"] }],
    ["lookup.0", { lookup: ["targets/**/a"] }],
    ["lookup.1", { lookup: ["targets", "**"] }],
    ["lookup", { lookup: [] }],
    ["require.0", { require: ["targets/**"] }],
    ["algorithms.0", { algorithms: ["rsa-1024"] }],
    ["algorithms", { algorithms: [] }],
    ["root.pins.keys.0", { root: { pins: { keys: [id.toUpperCase()] } } }],
    ["root.pins.keys.1", { root: { pins: { keys: [id, id.slice(1)] } } }],
    ["root.pins.certificates.0", { root: { pins: { certificates: [`sha256:${id}`] } } }],
    ["root.pins.ca", { root: { pins: { ca: "" } } }],
    ["root.onRotation", { root: { onRotation: "never" } }],
    ["root.minThreshold", { root: { minThreshold: 0 } }],
    ["root.minThreshold", { root: { minThreshold: 257 } }],
    ["root.minThreshold", { root: { minThreshold: 1.5 } }],
    ["root.minThreshold", { root: { minThreshold: "2" } }],
    ["root.minThreshold", { root: { minThreshold: Number.NaN } }],
    ["roles.root", { roles: { root: {} } }],
    ["roles.targets/**/a", { roles: { "targets/**/a": {} } }],
    ["roles.root", { roles: { root: { maxLifetime: "1d" } } }],
    ["maxVersionStep", { maxVersionStep: 0 }],
    ["maxVersionStep", { maxVersionStep: 1_001 }],
    ["root.maxLifetime", { root: { maxLifetime: "1y" } }],
    ["roles.targets.maxLifetime", { roles: { targets: { maxLifetime: 30 } } }],
    ["signatures.unknownAge", { signatures: { unknownAge: "warn" } }],
  ])("%s: %j", (place, settings) => {
    expect(places1(settings)).toEqual([`repositories.0.${place}`]);
  });

  it("a match that is no pattern", () => {
    expect(places({ repositories: [{ match: "nginx:1.25" }] })).toEqual(["repositories.0.match"]);
  });

  it("a server that is no address", () => {
    expect(places({ servers: { "notary.example.test": {} } })).toEqual(["servers.notary.example.test"]);
  });

  it("a realm that is no origin", () => {
    const servers = { "https://a.example.test": { tokenRealms: ["https://auth.example.test/token"] } };
    expect(places({ servers })).toEqual(["servers.https://a.example.test.tokenRealms.0"]);
  });

  it("half a client certificate", () => {
    const servers = { "https://a.example.test": { clientCertificate: { certificate: "c.pem" } } };
    expect(places({ servers })).toEqual(["servers.https://a.example.test.clientCertificate.key"]);
  });
});

describe("durations", () => {
  it.each([
    ["1s", 1_000],
    ["90s", 90_000],
    ["30m", 1_800_000],
    ["12h", 43_200_000],
    ["180d", 15_552_000_000],
    ["999999d", 86_399_913_600_000],
  ])("%s", (text, milliseconds) => {
    expect(rule({ offline: { maxAge: text } }).offlineMaxAge).toBe(milliseconds);
  });

  it.each([
    "0d",
    "01d",
    "-1d",
    "1.5d",
    "1",
    "d",
    "1w",
    "1D",
    "1 d",
    " 1d",
    "1d ",
    "1d\n",
    "1000000d",
    "1h30m",
    "",
  ])("not %j", (text) => {
    expect(places1({ offline: { maxAge: text } })).toEqual(["repositories.0.offline.maxAge"]);
  });
});

describe("a key that is not there, with what was probably meant", () => {
  it.each<[object, string, string]>([
    [{ sever: "x" }, "sever", "server"],
    [{ Servers: {} }, "Servers", "servers"],
    [{ reposiories: [] }, "reposiories", "repositories"],
    [{ defaults: { lookpu: [] } }, "defaults.lookpu", "lookup"],
    [{ repositories: [{ match: "a/b", signature: {} }] }, "repositories.0.signature", "signatures"],
    [{ repositories: [{ match: "a/b", root: { pin: {} } }] }, "repositories.0.root.pin", "pins"],
    [
      { repositories: [{ match: "a/b", root: { minTreshold: 2 } }] },
      "repositories.0.root.minTreshold",
      "minThreshold",
    ],
    [
      { repositories: [{ match: "a/b", root: { pins: { key: [] } } }] },
      "repositories.0.root.pins.key",
      "keys",
    ],
    [
      { repositories: [{ match: "a/b", signatures: { maxage: "1d" } }] },
      "repositories.0.signatures.maxage",
      "maxAge",
    ],
    [
      { repositories: [{ match: "a/b", offline: { maxAge: "1d", max: 1 } }] },
      "repositories.0.offline.max",
      "maxAge",
    ],
    [
      { repositories: [{ match: "a/b", roles: { targets: { path: [] } } }] },
      "repositories.0.roles.targets.path",
      "paths",
    ],
    [{ servers: { "https://a.example.test": { cas: "x" } } }, "servers.https://a.example.test.cas", "ca"],
    [
      {
        servers: { "https://a.example.test": { clientCertificate: { certificate: "c", key: "k", kye: 1 } } },
      },
      "servers.https://a.example.test.clientCertificate.kye",
      "key",
    ],
  ])("%j", (value, place, meant) => {
    const [problem, ...rest] = problems(value);
    expect(rest).toEqual([]);
    expect(problem?.path.join(".")).toBe(place);
    expect(problem?.sentence).toMatch(new RegExp(`did you mean ${meant}\\?`));
  });
});

describe("names of JavaScript are names like others", () => {
  const odd = (name: string, value: unknown) =>
    JSON.parse(`{${JSON.stringify(name)}:${JSON.stringify(value)}}`);
  const names = ["__proto__", "constructor", "toString", "hasOwnProperty"];

  it.each(names)("%s is refused in every place", (name) => {
    const here = odd(name, { minThreshold: 2 });
    expect(places(here)).toEqual([name]);
    expect(places({ defaults: here })).toEqual([`defaults.${name}`]);
    expect(places({ servers: here })).toEqual([`servers.${name}`]);
    expect(places({ servers: { "https://a.example.test": here } })).toEqual([
      `servers.https://a.example.test.${name}`,
    ]);
    expect(places({ defaults: { roles: here } })).toEqual([`defaults.roles.${name}`]);
    expect(places({ defaults: { roles: { targets: here } } })).toEqual([`defaults.roles.targets.${name}`]);
    const rules = (settings: object) => ({
      repositories: [JSON.parse(JSON.stringify({ match: "a/b" })), settings],
    });
    expect(places(rules({ match: "a/c", roles: here }))).toEqual([`repositories.1.roles.${name}`]);
    expect(places(rules({ match: "a/c", root: here }))).toEqual([`repositories.1.root.${name}`]);
    expect(places(rules({ match: "a/c", root: { pins: here } }))).toEqual([
      `repositories.1.root.pins.${name}`,
    ]);
  });

  it("__proto__ with a cycle below it is refused without walking it", () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    const servers = Object.fromEntries([["__proto__", cycle]]);
    expect(places({ servers })).toEqual(["servers.__proto__"]);
  });
});

describe("contradictions", () => {
  it.each([
    ["team/app", "team/app"],
    ["nginx", "docker.io/library/nginx"],
    ["nginx", "index.docker.io/nginx"],
    ["library/*", "docker.io/*"],
    ["registry.example.test/**", "REGISTRY.example.test:443/**"],
  ])("two rules for the same names: %s, %s", (first, second) => {
    expect(places({ repositories: [{ match: first }, { match: "a/b" }, { match: second }] })).toEqual([
      "repositories.2.match",
    ]);
  });

  it.each([
    ["mirror.example.test/*", "nginx"],
    ["mirror.example.test/**", "docker.io/library/*"],
    ["mirror.example.test/*/**", "docker.io/**/*"],
    ["mirror.example.test/app", "docker.io/team/*"],
  ])("trustedAs with other stars: %s, %s", (match, trustedAs) => {
    expect(places({ repositories: [{ match, trustedAs }] })).toEqual(["repositories.0.trustedAs"]);
  });

  it("trustedAs of the defaults, with other stars than a rule", () => {
    const repositories = [{ match: "mirror.example.test/*" }, { match: "a/b" }];
    expect(places({ defaults: { trustedAs: "library/*" }, repositories })).toEqual([
      "repositories.1.trustedAs",
    ]);
  });

  it.each([{}, { keys: [] }, { keys: [], certificates: [] }])("pins that pin nothing: %j", (pins) => {
    expect(places1({ root: { pins } })).toEqual(["repositories.0.root.pins"]);
  });

  it("one server under two spellings", () => {
    const servers = {
      "https://a.example.test": {},
      "https://b.example.test": {},
      "https://a.example.test/": {},
    };
    expect(places({ servers })).toEqual(["servers.https://a.example.test/"]);
  });
});

describe("limits", () => {
  it("no more than 256 entries in a list", () => {
    const ids = (count: number) => Array.from({ length: count }, () => id);
    expect(rule({ root: { pins: { keys: ids(256) } } }).pins?.keys).toHaveLength(256);
    expect(places1({ root: { pins: { keys: ids(257) } } })).toEqual(["repositories.0.root.pins.keys"]);
  });

  it("no more than 256 roles", () => {
    const roles = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`targets/r${index}`, {}]));
    expect(rule({ roles: roles(256) }).roles.size).toBe(256);
    expect(places1({ roles: roles(257) })).toEqual(["repositories.0.roles"]);
  });

  it("no more than 10,000 rules", () => {
    const repositories = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ match: `t/r${index}` }));
    expect(policy({ repositories: repositories(10_000) }).rules).toHaveLength(10_000);
    expect(places({ repositories: repositories(10_001) })).toEqual(["repositories"]);
  });

  it("no path of more than 1,024 characters", () => {
    expect(rule({ root: { pins: { ca: "a".repeat(1_024) } } }).pins?.ca).toHaveLength(1_024);
    expect(places1({ root: { pins: { ca: "a".repeat(1_025) } } })).toEqual(["repositories.0.root.pins.ca"]);
  });
});

describe("a file that is not fully understood is refused whole", () => {
  it("with every problem at its place", () => {
    const value = {
      version: 3,
      odd: 1,
      repositories: [{ match: "good/rule" }, { match: "a*", tofu: "yes" }, { match: "c/d", lookup: [] }],
    };
    expect([...places(value)].sort()).toEqual([
      "odd",
      "repositories.1.match",
      "repositories.1.tofu",
      "repositories.2.lookup",
      "version",
    ]);
  });

  it("for contradictions as well, all of them", () => {
    const value = {
      servers: { "https://a.example.test": {}, "https://a.example.test//": {} },
      repositories: [
        { match: "a/b" },
        { match: "a/b" },
        { match: "c/*", trustedAs: "c/d", root: { pins: {} } },
      ],
    };
    expect([...places(value)].sort()).toEqual([
      "repositories.1.match",
      "repositories.2.root.pins",
      "repositories.2.trustedAs",
      "servers.https://a.example.test//",
    ]);
  });
});
