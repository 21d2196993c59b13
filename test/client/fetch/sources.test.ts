/** Where credentials come from: the environment for one server, then Docker's. */
import { writeFileSync } from "node:fs";
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
    const ann = { kind: "user", username: "ann", password: "a:b " };
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
