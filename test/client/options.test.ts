import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type ClientLimits, defaultLimits, mostLimits } from "../../src/client/limits.ts";
import { checkOptions, defaultCacheDir, type TrustOptions } from "../../src/client/options.ts";
import { trustCodeOf, trustErrorOf } from "../support/fetching.ts";

const codeOf = (options: object) => trustCodeOf(() => checkOptions(options));
const names = Object.keys(defaultLimits) as (keyof ClientLimits)[];

describe("options", () => {
  it("may all be left out", () => {
    const options = checkOptions({ environment: { HOME: "/people/somebody" } });
    expect(options).toMatchObject({
      cacheDir: "/people/somebody/.cache/vidimus",
      dockerConfig: "/people/somebody/.docker",
      limits: defaultLimits,
    });
    expect(options.now()).toBeGreaterThan(0);
    expect(options.onEvent({ type: "offline", repository: "a", age: 1 })).toBeUndefined();
  });

  it("are taken as they are given", () => {
    const given: TrustOptions = {
      policy: { repositories: [] },
      server: "https://notary.example.test",
      ca: "ca.pem",
      clientCertificate: { certificate: "c.pem", key: "k.pem" },
      cacheDir: "/cache",
      notaryConfig: "config.json",
      lock: "vidimus.lock",
      dockerConfig: "/docker",
      limits: { roots: 3 },
      onEvent: () => {},
      now: () => 5,
      environment: {},
    };
    expect(checkOptions(given)).toEqual({ ...given, limits: { ...defaultLimits, roots: 3 } });
  });

  it("may be given as undefined", () => {
    const undefinedOnes = {
      policy: undefined,
      clientCertificate: undefined,
      now: undefined,
      limits: undefined,
    };
    expect(checkOptions(undefinedOnes as object).limits).toEqual(defaultLimits);
  });
});

describe("an option that would be passed over in silence: OPTION_INVALID", () => {
  it.each([{ ca: "ca.pem" }, { clientCertificate: { certificate: "c.pem", key: "k.pem" } }])(
    "%j without the server that it belongs to",
    async (options) => {
      expect(await codeOf(options)).toBe("OPTION_INVALID");
      expect(await codeOf({ ...options, server: undefined })).toBe("OPTION_INVALID");
      expect(checkOptions({ ...options, server: "https://notary.example.test" })).toMatchObject(options);
    },
  );

  it.each([
    "notary.example.test",
    "notary.example.test:4443",
    "http://notary.example.test",
    "https://somebody:secret@notary.example.test",
    "https://notary.example.test/?a",
    "ftp://127.0.0.1",
    " ",
  ])("the server %j", async (server) => {
    const { code, message } = await trustErrorOf(() => checkOptions({ server }));
    expect([code, message]).toEqual(["OPTION_INVALID", expect.not.stringContaining("secret")]);
  });
});

describe("an option that is not understood: OPTION_INVALID", () => {
  it.each(["polcy", "Server", "cachedir", "__proto__", "constructor", "toString"])("%s", async (name) => {
    expect(await codeOf(JSON.parse(`{"${name}": "x"}`))).toBe("OPTION_INVALID");
  });

  it("with what was probably meant, and no more than 64 characters of what was given", async () => {
    const { message } = await trustErrorOf(() => checkOptions({ cacheDirr: "x" } as object));
    expect(message).toContain("cacheDir?");
    const long = await trustErrorOf(() => checkOptions({ ["a".repeat(10_000)]: 1 } as object));
    expect(long.message.length).toBeLessThan(200);
  });

  it.each<[string, readonly unknown[]]>([
    ["policy", ["", 5, null, true, () => {}]],
    ["server", ["", 5, null, {}]],
    ["ca", ["", 5, null, {}]],
    ["cacheDir", ["", 5, null]],
    ["notaryConfig", ["", {}]],
    ["lock", ["", true]],
    ["dockerConfig", ["", []]],
    ["clientCertificate", ["", null, {}, [], { certificate: "a" }, { certificate: "a", key: "" }]],
    [
      "clientCertificate",
      [
        { certificate: 5, key: 6 },
        { certificate: "a", key: "b", passphrase: "c" },
      ],
    ],
    ["limits", ["", null, 5]],
    ["onEvent", ["", null, {}]],
    ["now", ["", null, 5]],
    ["environment", ["", null, 5]],
  ])("%s of the wrong kind", async (name, values) => {
    for (const value of values) expect(await codeOf({ [name]: value }), String(value)).toBe("OPTION_INVALID");
  });
});

describe("limits", () => {
  it.each(names)("%s: a whole number from 1 to what it may be, or a timer can be set to", async (name) => {
    const most = mostLimits[name] ?? 2_147_483_647;
    for (const value of [1, most])
      expect(checkOptions({ limits: { [name]: value } }).limits[name]).toBe(value);
    for (const value of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, most + 1, "5", null, undefined]) {
      expect(await codeOf({ limits: { [name]: value } }), String(value)).toBe("OPTION_INVALID");
    }
  });

  it("of other names are OPTION_INVALID", async () => {
    for (const name of ["root", "Tries", "__proto__", "constructor"]) {
      expect(await codeOf({ limits: JSON.parse(`{"${name}": 1}`) })).toBe("OPTION_INVALID");
    }
  });

  it("are usable as they are by default", () => {
    expect(checkOptions({ limits: defaultLimits }).limits).toEqual(defaultLimits);
    expect(defaultLimits.requestTime).toBeLessThan(defaultLimits.updateTime);
    expect(defaultLimits.timestampBytes).toBeLessThan(defaultLimits.fileBytes);
  });
});

describe("folders by default", () => {
  it.each<[Readonly<Record<string, string>>, string]>([
    [{ XDG_CACHE_HOME: "/cache", HOME: "/people/a" }, "/cache/vidimus"],
    [{ XDG_CACHE_HOME: "relative", HOME: "/people/a" }, "/people/a/.cache/vidimus"],
    [{ XDG_CACHE_HOME: "", HOME: "/people/a" }, "/people/a/.cache/vidimus"],
    [{ HOME: "" }, join(homedir(), ".cache", "vidimus")],
    [{}, join(homedir(), ".cache", "vidimus")],
  ])("%j: the cache", (environment, directory) => {
    expect(defaultCacheDir(environment)).toBe(directory);
    expect(checkOptions({ environment }).cacheDir).toBe(directory);
  });

  it.each<[Readonly<Record<string, string>>, string]>([
    [{ DOCKER_CONFIG: "/docker", HOME: "/people/a" }, "/docker"],
    [{ DOCKER_CONFIG: "", HOME: "/people/a" }, "/people/a/.docker"],
    [{}, join(homedir(), ".docker")],
  ])("%j: Docker's", (environment, directory) => {
    expect(checkOptions({ environment }).dockerConfig).toBe(directory);
  });
});
