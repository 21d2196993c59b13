import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { askHelper } from "../../../src/client/fetch/credential-helper.ts";
import { type Credentials, registryOf } from "../../../src/client/fetch/credentials.ts";
import { dockerCredentials } from "../../../src/client/fetch/docker-credentials.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { trustCodeOf, trustErrorOf } from "../../support/fetching.ts";

const never = new AbortController().signal;
const pipes = () => process.getActiveResourcesInfo().filter((each) => each === "PipeWrap").length;
const idle = pipes();
const base64 = (text: string) => Buffer.from(text).toString("base64");

interface Docker {
  readonly config?: unknown;
  /** Shell text by helper name. */
  readonly helpers?: Readonly<Record<string, string>>;
}

function docker({ config, helpers = {} }: Docker) {
  const directory = temporaryDirectory();
  if (config !== undefined) {
    const text = typeof config === "string" ? config : JSON.stringify(config);
    writeFileSync(join(directory, "config.json"), text);
  }
  const programs = join(directory, "bin");
  mkdirSync(programs);
  for (const [name, text] of Object.entries(helpers)) {
    const path = join(programs, `docker-credential-${name}`);
    writeFileSync(path, `#!/bin/sh\n${text}\n`);
    chmodSync(path, 0o755);
  }
  const environment = { PATH: `${programs}:/usr/bin:/bin`, TEST_DIRECTORY: directory };
  const source = dockerCredentials({ directory, environment });
  const find = (repository: string | undefined) => source.find({ server, repository }, never);
  return {
    directory,
    find: (repository = "registry.example.test/app") => find(repository),
    forServer: () => find(undefined),
  };
}

const server = "https://notary.example.test:4443";
const user = (username: string, password: string): Credentials => ({ kind: "user", username, password });
const ann = user("ann", "a:b");

describe("the registry of a repository", () => {
  it.each([
    ["registry.example.test/org/app", "registry.example.test"],
    ["registry.example.test:5000/app", "registry.example.test:5000"],
    ["localhost/app", "localhost"],
    ["host:5000/app", "host:5000"],
    ["org/app", undefined],
    ["app", undefined],
    ["app.with.dots", undefined],
  ])("%s is %s", (repository, registry) => {
    expect(registryOf(repository)).toBe(registry);
  });
});

describe("a right to the whole server", () => {
  const auths = {
    "notary.example.test:4443": { auth: base64("ann:a:b") },
    "registry.example.test": { auth: base64("bob:b") },
  };

  it("is asked for in the name that the server itself is known under, and no registry's", async () => {
    expect(await docker({ config: { auths } }).forServer()).toEqual(ann);
    const { "registry.example.test": registry } = auths;
    expect(
      await docker({ config: { auths: { "registry.example.test": registry } } }).forServer(),
    ).toBeUndefined();
    expect(await docker({ config: { auths } }).find("app")).toBeUndefined();
  });
});

describe("an entry in config.json", () => {
  it.each([
    ["auth", { auth: base64("ann:a:b") }, ann],
    ["a padded auth", { auth: base64("ann:a:b\0\0") }, ann],
    ["username and password", { username: "ann", password: "a:b" }, ann],
    ["identitytoken", { auth: base64("ann:x"), identitytoken: "id" }, { kind: "identity", token: "id" }],
    ["registrytoken", { registrytoken: "rt", identitytoken: "id" }, { kind: "registry", token: "rt" }],
    ["nothing", {}, undefined],
  ])("with %s is read", async (_what, entry, expected) => {
    expect(await docker({ config: { auths: { "registry.example.test": entry } } }).find()).toEqual(expected);
  });

  it.each([
    "https://registry.example.test",
    "https://registry.example.test/",
    "https://registry.example.test/v1/",
    "https://registry.example.test/v2/",
  ])("may be under %s", async (key) => {
    expect(await docker({ config: { auths: { [key]: { auth: base64("ann:a:b") } } } }).find()).toEqual(ann);
  });

  it.each([
    "registry.example.test:443",
    "https://registry.example.test/other/",
    "https://registry.example.test.example.test/",
    "REGISTRY.example.test",
    "example.test",
  ])("under %s is of another registry", async (key) => {
    expect(
      await docker({ config: { auths: { [key]: { auth: base64("ann:a:b") } } } }).find(),
    ).toBeUndefined();
  });

  it("under the very name goes before one written as an address", async () => {
    const auths = {
      "https://registry.example.test/v1/": { auth: base64("bob:b") },
      "registry.example.test": { auth: base64("ann:a:b") },
    };
    expect(await docker({ config: { auths } }).find()).toEqual(ann);
  });

  it.each(["https://index.docker.io/v1/", "docker.io", "index.docker.io"])(
    "under %s is the Hub's",
    async (key) => {
      const { find } = docker({ config: { auths: { [key]: { auth: base64("ann:a:b") } } } });
      expect(await find("docker.io/library/app")).toEqual(ann);
      expect(await find("library/app")).toBeUndefined();
    },
  );
});

describe("a configuration", () => {
  it("that is not there holds nothing", async () => {
    expect(await docker({}).find()).toBeUndefined();
  });

  it("is not opened for a repository without a registry", async () => {
    expect(await docker({ config: "broken" }).find("org/app")).toBeUndefined();
  });

  it.each<[string, unknown]>([
    ["no JSON", '{"canary'],
    ["no object", "[]"],
    ["more than a mebibyte", `"${"canary".repeat(200_000)}"`],
    ["auths of another kind", { auths: ["canary"] }],
    ["an entry of another kind", { auths: { "registry.example.test": "canary" } }],
    ["an auth of another kind", { auths: { "registry.example.test": { auth: 5 } } }],
    ["an auth without colon", { auths: { "registry.example.test": { auth: base64("canary") } } }],
    ["an auth without user", { auths: { "registry.example.test": { auth: base64(":canary") } } }],
    [
      "a registry token in two lines",
      { auths: { "registry.example.test": { registrytoken: "canary\r\na" } } },
    ],
    ["helpers of another kind", { credHelpers: "canary" }],
    ["a helper of another kind", { credsStore: 5 }],
    ["a helper with a path", { credsStore: "../canary" }],
    ["a helper with an option", { credsStore: "-canary" }],
    ["a helper with a command", { credsStore: "a;canary" }],
  ])("with %s is CREDENTIALS, names the file and quotes nothing", async (_what, config) => {
    const { find, directory } = docker({ config });
    const error = await trustErrorOf(find());
    expect(error.code).toBe("CREDENTIALS");
    expect(error.file).toBe(join(directory, "config.json"));
    expect(error.message).not.toContain("canary");
    expect(error.cause).toBeUndefined();
  });

  it("that is a folder is CREDENTIALS", async () => {
    const { find, directory } = docker({});
    mkdirSync(join(directory, "config.json"));
    expect(await trustCodeOf(find())).toBe("CREDENTIALS");
  });
});

describe("a helper", () => {
  const answer = (username: string, secret: string) =>
    `read server; echo '{"ServerURL":"'$server'","Username":"${username}","Secret":"${secret}"}'`;

  it("of the registry goes before the store, which goes before the entries", async () => {
    const auths = {
      "registry.example.test": { auth: base64("file:x") },
      "b.test": { auth: base64("file:x") },
    };
    const config = { auths, credsStore: "store", credHelpers: { "registry.example.test": "own" } };
    const { find } = docker({ config, helpers: { own: answer("own", "s"), store: answer("store", "s") } });
    expect(await find()).toEqual(user("own", "s"));
    expect(await find("b.test/app")).toEqual(user("store", "s"));
  });

  it.each([
    ["registry.example.test:5000/app", "registry.example.test:5000"],
    ["docker.io/library/app", "https://index.docker.io/v1/"],
  ])("is told of %s as %s, and to get", async (repository, server) => {
    const { find } = docker({
      config: { credsStore: "echo" },
      helpers: { echo: `read server; echo '{"Username":"'$server'","Secret":"'$*'"}'` },
    });
    expect(await find(repository)).toEqual(user(server, "get"));
  });

  it("may give an identity token", async () => {
    const { find } = docker({ config: { credsStore: "a" }, helpers: { a: answer("<token>", "id") } });
    expect(await find()).toEqual({ kind: "identity", token: "id" });
  });

  it.each([
    ["says so", "echo 'credentials not found in native keychain'; exit 1"],
    ["answers with nothing in it", answer("", "")],
  ])("has none when it %s", async (_what, script) => {
    expect(await docker({ config: { credsStore: "a" }, helpers: { a: script } }).find()).toBeUndefined();
  });

  it("need not read what it is told", async () => {
    const script = `exec <&-; echo '{"Username":"a","Secret":"b"}'`;
    expect(await docker({ config: { credsStore: "a" }, helpers: { a: script } }).find()).toEqual(
      user("a", "b"),
    );
  });

  it.each([
    ["fails", "echo canary; echo canary >&2; exit 3"],
    ["kills itself", "kill -9 $$"],
    ["answers with no JSON", "echo canary"],
    ["answers with null", "echo null"],
    ["answers with half", `echo '{"Username":"canary"}'`],
    ["writes without end", "while :; do echo canarycanarycanarycanarycanarycanary; done"],
  ])("that %s is CREDENTIALS, named without what it wrote", async (_what, script) => {
    const { find, directory } = docker({ config: { credsStore: "a" }, helpers: { a: script } });
    const error = await trustErrorOf(find());
    expect(error.code).toBe("CREDENTIALS");
    expect(error.file).toBe(join(directory, "config.json"));
    expect(error.message).toContain("docker-credential-a");
    expect(error.message).not.toContain("canary");
    expect(error.cause).toBeUndefined();
  });

  it("that is not there is CREDENTIALS", async () => {
    expect(await trustCodeOf(docker({ config: { credsStore: "absent" } }).find())).toBe("CREDENTIALS");
  });

  it("that does not end is killed, though a child of it holds its output", async () => {
    const { directory } = docker({ helpers: { slow: "sleep 5 & exec sleep 5" } });
    const call = { helper: "slow", server: "a", file: join(directory, "config.json"), signal: never };
    const environment = { PATH: `${join(directory, "bin")}:/usr/bin:/bin` };
    expect(await trustCodeOf(askHelper({ ...call, environment }, 100))).toBe("CREDENTIALS");
    await expect.poll(pipes, { timeout: 3_000 }).toBe(idle);
  });

  it("is ended with the request that wanted it", async () => {
    const caller = new AbortController();
    const { directory } = docker({ config: { credsStore: "a" }, helpers: { a: "exec sleep 30" } });
    const environment = { PATH: `${join(directory, "bin")}:/usr/bin:/bin` };
    const found = dockerCredentials({ directory, environment }).find(
      { server, repository: "a.test/b" },
      caller.signal,
    );
    caller.abort();
    expect(await trustCodeOf(found)).toBe("TIMEOUT");
  });

  it("is looked for in the PATH it is given only", async () => {
    const { directory } = docker({ config: { credsStore: "a" }, helpers: { a: answer("a", "b") } });
    const source = dockerCredentials({ directory, environment: { PATH: dirname(directory) } });
    expect(await trustCodeOf(source.find({ server, repository: "a.test/b" }, never))).toBe("CREDENTIALS");
  });
});
