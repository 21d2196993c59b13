/** Where credentials come from: the environment for one server, then Docker's. */
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { firstOf } from "../../../src/client/fetch/credentials.ts";
import { usualCredentials } from "../../../src/client/fetch/sources.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { trustCodeOf, trustErrorOf } from "../../support/fetching.ts";

const server = "https://notary.example.test:4443";
const never = new AbortController().signal;
const repository = "registry.example.test/app";
const bob = { kind: "user", username: "bob", password: "of docker" };

function sourceOf(
  environment: Record<string, string>,
  { named = server, asked = server }: { named?: string | null; asked?: string } = {},
) {
  const dockerConfig = temporaryDirectory();
  const auth = Buffer.from("bob:of docker").toString("base64");
  writeFileSync(
    join(dockerConfig, "config.json"),
    JSON.stringify({ auths: { "registry.example.test": { auth } } }),
  );
  const source = usualCredentials({ server: asked, named: named ?? undefined, dockerConfig, environment });
  const purpose = { server: new URL(asked).origin, repository };
  return {
    own: async () => await source.own?.(purpose),
    find: async () => await source.find(purpose, never),
  };
}
const fileWith = (text: string) => {
  const path = join(temporaryDirectory(), "secret");
  writeFileSync(path, text);
  return path;
};

describe("the environment", () => {
  it("has a machine's token for the server that is named, itself or in a file", async () => {
    expect(await sourceOf({ VIDIMUS_ACCESS_TOKEN: "vdm_1" }).own()).toBe("vdm_1");
    expect(await sourceOf({ VIDIMUS_ACCESS_TOKEN_FILE: fileWith("vdm_2\n") }).own()).toBe("vdm_2");
    expect(await sourceOf({}).own()).toBeUndefined();
  });

  it("has a name and password, itself or in a file, before Docker's", async () => {
    const ann = { kind: "user", username: "ann", password: "a:b ", from: "environment" };
    expect(await sourceOf({ VIDIMUS_USER: "ann", VIDIMUS_PASSWORD: "a:b " }).find()).toEqual(ann);
    const inFile = { VIDIMUS_USER: "ann", VIDIMUS_PASSWORD_FILE: fileWith("a:b \r\n") };
    expect(await sourceOf(inFile).find()).toEqual(ann);
    expect(await sourceOf({}).find()).toEqual(bob);
  });

  it.each([
    ["another host", { asked: "https://other.example.test:4443" }],
    ["another port", { asked: "https://notary.example.test" }],
    ["another path of the same host", { asked: `${server}/two` }],
    ["any, where none is named", { named: null }],
  ])("has nothing for %s", async (_what, place) => {
    expect(await sourceOf({ VIDIMUS_ACCESS_TOKEN: "vdm_1" }, place).own()).toBeUndefined();
    const password = { VIDIMUS_USER: "ann", VIDIMUS_PASSWORD: "x" };
    expect(await sourceOf(password, place).find()).toEqual(bob);
  });

  it.each<[string, Record<string, string>]>([
    ["two tokens", { VIDIMUS_ACCESS_TOKEN: "canary", VIDIMUS_ACCESS_TOKEN_FILE: "/nowhere" }],
    ["a token and a name", { VIDIMUS_ACCESS_TOKEN: "canary", VIDIMUS_USER: "ann" }],
    ["a token with a space", { VIDIMUS_ACCESS_TOKEN: "canary b" }],
    ["a file that is not there", { VIDIMUS_ACCESS_TOKEN_FILE: "/nowhere/at/all" }],
    ["an empty file", { VIDIMUS_ACCESS_TOKEN_FILE: fileWith("") }],
    ["a file of two lines", { VIDIMUS_ACCESS_TOKEN_FILE: fileWith("canary\ncanary") }],
    ["a large file", { VIDIMUS_ACCESS_TOKEN_FILE: fileWith("canary".repeat(4_000)) }],
  ])("with %s is refused, and no secret is told", async (_what, environment) => {
    const error = await trustErrorOf(sourceOf(environment).own());
    expect(error.code).toBe("CREDENTIALS");
    expect(JSON.stringify([error.message, error.cause ?? ""])).not.toContain("canary");
  });

  it("with a name and no password is refused", async () => {
    expect(await trustCodeOf(sourceOf({ VIDIMUS_USER: "ann" }).find())).toBe("CREDENTIALS");
  });
});

it("a helper program of Docker's is told no secret of the environment", async () => {
  const dockerConfig = temporaryDirectory();
  const told = join(dockerConfig, "told");
  writeFileSync(join(dockerConfig, "config.json"), JSON.stringify({ credsStore: "x" }));
  const helper = join(dockerConfig, "docker-credential-x");
  writeFileSync(helper, `#!/bin/sh\nenv > ${told}\necho '{"Username":"a","Secret":"b"}'\n`);
  chmodSync(helper, 0o755);
  const environment = {
    PATH: `${dockerConfig}:/usr/bin:/bin`,
    VIDIMUS_ACCESS_TOKEN: "canary",
    VIDIMUS_PASSWORD: "canary",
    VIDIMUS_OIDC_TOKEN: "canary",
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: "canary",
  };
  const source = usualCredentials({ server, named: undefined, dockerConfig, environment });
  const found = await source.find({ server, repository }, never);
  expect(found).toEqual({ kind: "user", username: "a", password: "b" });
  expect(readFileSync(told, "utf8")).toContain("PATH=");
  expect(readFileSync(told, "utf8")).not.toContain("canary");
});

it("the first source that has any is taken, and no later one asked", async () => {
  const asked: string[] = [];
  const source = (name: string, token?: string) => ({
    find: async () => {
      asked.push(name);
      return token === undefined ? undefined : ({ kind: "identity", token } as const);
    },
  });
  const all = firstOf(source("a"), source("b", "of b"), source("c", "of c"));
  expect(await all.find({ server, repository: undefined }, never)).toEqual({
    kind: "identity",
    token: "of b",
  });
  expect(asked).toEqual(["a", "b"]);
  expect(await all.own?.({ server, repository: undefined })).toBeUndefined();
});

describe("an ID token of a workload", () => {
  const token = "aaaa.bbbb.cccc";
  const workload = { kind: "workload", token };

  it("is in a variable or a file, and goes before Docker's", async () => {
    expect(await sourceOf({ VIDIMUS_OIDC_TOKEN: token }).find()).toEqual(workload);
    expect(await sourceOf({ VIDIMUS_OIDC_TOKEN_FILE: fileWith(`${token}\n`) }).find()).toEqual(workload);
    expect(await sourceOf({ VIDIMUS_OIDC_TOKEN: token }).own()).toBeUndefined();
  });

  it.each([
    ["another host", { asked: "https://other.example.test:4443" }],
    ["another path of the same host", { asked: `${server}/two` }],
    ["any, where none is named", { named: null }],
  ])("is not for %s", async (_what, place) => {
    expect(await sourceOf({ VIDIMUS_OIDC_TOKEN: token }, place).find()).toEqual(bob);
    const asking = { VIDIMUS_OIDC_AUDIENCE: "us", ACTIONS_ID_TOKEN_REQUEST_URL: "https://127.0.0.1:1/" };
    expect(await sourceOf(asking, place).find()).toEqual(bob);
  });

  it.each<[string, Record<string, string>]>([
    ["what is none", { VIDIMUS_OIDC_TOKEN: "vdm_1" }],
    ["both forms", { VIDIMUS_OIDC_TOKEN: token, VIDIMUS_OIDC_TOKEN_FILE: "/there" }],
    ["a file that is not there", { VIDIMUS_OIDC_TOKEN_FILE: "/not/there" }],
    ["an audience, and no place to ask", { VIDIMUS_OIDC_AUDIENCE: "us" }],
    [
      "a place that nothing may be sent to",
      {
        VIDIMUS_OIDC_AUDIENCE: "us",
        ACTIONS_ID_TOKEN_REQUEST_URL: "http://ci.example.test/",
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: "secret-of-the-job",
      },
    ],
    [
      "a place where nobody is",
      {
        VIDIMUS_OIDC_AUDIENCE: "us",
        ACTIONS_ID_TOKEN_REQUEST_URL: "http://127.0.0.1:1/",
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: "secret-of-the-job",
      },
    ],
  ])("is refused with %s, and not told", async (_what, environment) => {
    const error = await trustErrorOf(sourceOf(environment).find());
    expect(error.code).toBe("CREDENTIALS");
    expect(JSON.stringify([error.message, error.cause])).not.toMatch(/aaaa|secret-of-the-job/);
  });

  it("is refused beside a user or a machine's token: it must be plain who asks", async () => {
    const user = { VIDIMUS_OIDC_TOKEN: token, VIDIMUS_USER: "ann", VIDIMUS_PASSWORD: "x" };
    expect(await trustCodeOf(sourceOf(user).find())).toBe("CREDENTIALS");
    const machine = { VIDIMUS_OIDC_TOKEN: token, VIDIMUS_ACCESS_TOKEN_FILE: fileWith("vdm_1") };
    expect(await trustCodeOf(sourceOf(machine).own())).toBe("CREDENTIALS");
  });
});

describe("a session", () => {
  const kept = (servers: object, mode = 0o600, format = "vidimus-kept-sessions/1") => {
    const path = join(temporaryDirectory(), "sessions.json");
    writeFileSync(path, JSON.stringify({ format, servers }));
    chmodSync(path, mode);
    return { VIDIMUS_SESSIONS: path };
  };
  const of = (name: string) => ({
    issuer: "https://id.example.test",
    clientId: "a",
    session: { token: `vdr_${name}`, name: "oidc:alice" },
  });

  it("is for the server that it is of, whether that is named or not, and goes before Docker's", async () => {
    const environment = kept({ [server]: of("1"), [`${server}/two`]: of("2") });
    expect(await sourceOf(environment).find()).toEqual({ kind: "identity", token: "vdr_1" });
    expect(await sourceOf(environment, { named: null }).find()).toEqual({ kind: "identity", token: "vdr_1" });
    expect(await sourceOf(environment, { asked: `${server}/two` }).find()).toEqual({
      kind: "identity",
      token: "vdr_2",
    });
    for (const asked of ["https://other.example.test:4443", "https://notary.example.test", `${server}/three`])
      expect(await sourceOf(environment, { asked }).find()).toEqual(bob);
  });

  it("is none after a logout, and where there is no file", async () => {
    const { session: _gone, ...left } = of("1");
    expect(await sourceOf(kept({ [server]: left })).find()).toEqual(bob);
    expect(await sourceOf({ VIDIMUS_SESSIONS: "/not/there" }).find()).toEqual(bob);
    expect(await sourceOf({}).find()).toEqual(bob);
  });

  it("gives way to what the environment says", async () => {
    const environment = { ...kept({ [server]: of("1") }), VIDIMUS_OIDC_TOKEN: "aaaa.bbbb.cccc" };
    expect(await sourceOf(environment).find()).toMatchObject({ kind: "workload" });
  });

  it.each<[string, Record<string, string>]>([
    ["others may read", kept({ [server]: of("1") }, 0o640)],
    ["others may write", kept({ [server]: of("1") }, 0o602)],
    ["is of another format", kept({ [server]: of("1") }, 0o600, "vidimus-kept-sessions/2")],
    ["holds no session", kept({ [server]: { ...of("1"), session: { token: "a b", name: "x" } } })],
    ["is no JSON", { VIDIMUS_SESSIONS: fileWith("vdr_1") }],
    ["is a folder", { VIDIMUS_SESSIONS: temporaryDirectory() }],
  ])("is refused in a file that %s, and not told", async (_what, environment) => {
    const error = await trustErrorOf(sourceOf(environment).find());
    expect(error.code).toBe("CREDENTIALS");
    expect(JSON.stringify([error.message, error.cause])).not.toContain("vdr_1");
  });
});
