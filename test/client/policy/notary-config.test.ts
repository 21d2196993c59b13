import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { type NotaryConfig, readNotaryConfig } from "../../../src/client/policy/notary-config.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { trustErrorOf } from "../../support/fetching.ts";

const [one, two, three] = ["1".repeat(64), "2".repeat(64), "3".repeat(64)];

function written(content: string | object): string {
  const path = join(temporaryDirectory(), "config.json");
  writeFileSync(path, typeof content === "string" ? content : `${JSON.stringify(content, null, 1)}\n`);
  return path;
}

const read = (trust_pinning: object): Promise<NotaryConfig> => readNotaryConfig(written({ trust_pinning }));

describe("certificates that are pinned", () => {
  it("for a name, and no other", async () => {
    const config = await read({ certs: { "docker.io/team/app": [one, two] } });
    expect(config.pinsFor("docker.io/team/app")).toEqual({ certificates: [one, two] });
    expect(config.pinsFor("docker.io/team/app2")).toBeUndefined();
    expect(config.pinsFor("docker.io/Team/app")).toBeUndefined();
  });

  it("for all names with the longest beginning before a star", async () => {
    const config = await read({ certs: { "*": [one], "docker.io/team/*": [two], "docker.io/*": [three] } });
    expect(config.pinsFor("docker.io/team/app")).toEqual({ certificates: [two] });
    expect(config.pinsFor("docker.io/library/nginx")).toEqual({ certificates: [three] });
    expect(config.pinsFor("registry.example.test/app")).toEqual({ certificates: [one] });
  });

  it("for the name itself before any star", async () => {
    const config = await read({ certs: { "docker.io/team/*": [two], "docker.io/team/app": [one] } });
    expect(config.pinsFor("docker.io/team/app")).toEqual({ certificates: [one] });
  });

  it("before an authority", async () => {
    const config = await read({ certs: { "docker.io/*": [one] }, ca: { "docker.io/team/app": "ca.pem" } });
    expect(config.pinsFor("docker.io/team/app")).toEqual({ certificates: [one] });
  });

  it("as none, which is not the same as nothing said", async () => {
    expect((await read({ certs: { a: [] } })).pinsFor("a")).toEqual({ certificates: [] });
  });
});

describe("an authority that is pinned", () => {
  it("is that of the longest beginning, beside the configuration", async () => {
    const path = written({
      trust_pinning: { ca: { "": "all.pem", "docker.io/": "/etc/hub.pem", "docker.io/team": "t/t.pem" } },
    });
    const config = await readNotaryConfig(path);
    expect(config.pinsFor("docker.io/team/app")).toEqual({ ca: join(dirname(path), "t", "t.pem") });
    expect(config.pinsFor("docker.io/other")).toEqual({ ca: "/etc/hub.pem" });
    expect(config.pinsFor("registry.example.test/app")).toEqual({ ca: join(dirname(path), "all.pem") });
  });
});

describe("a configuration that pins nothing", () => {
  it.each([
    {},
    { trust_pinning: {} },
    { trust_pinning: { disable_tofu: true } },
    { remote_server: { url: "x" } },
  ])("%j", async (content) => {
    expect((await readNotaryConfig(written(content))).pinsFor("docker.io/team/app")).toBeUndefined();
  });

  it("for names of JavaScript", async () => {
    const config = await read({ certs: {}, ca: {} });
    for (const name of ["__proto__", "constructor", "toString"]) expect(config.pinsFor(name)).toBeUndefined();
  });

  it("for anything but __proto__, if that is what it names", async () => {
    const config = await readNotaryConfig(written(`{"trust_pinning":{"certs":{"__proto__":["${one}"]}}}`));
    expect(config.pinsFor("__proto__")).toEqual({ certificates: [one] });
    expect(config.pinsFor("constructor")).toBeUndefined();
  });
});

describe("a configuration that cannot be used: POLICY_INVALID, with its line", () => {
  it.each([
    ["[]", 1],
    ['{\n"trust_pinning":\n}', 3],
    ['{\n"trust_pinning": 5\n}', 2],
    ['{\n"trust_pinning": {\n"certs": []\n}\n}', 3],
    ['{\n"trust_pinning": {\n"ca": "x"\n}\n}', 3],
    ['{\n"trust_pinning": {\n"certs": {\n"a": ["x"],\n"b": "x"\n}\n}\n}', 5],
    ['{\n"b": 1,\n"trust_pinning": {\n"certs": {\n"b": [5]\n}\n}\n}', 5],
    ['{\n"trust_pinning": {\n"ca": {\n"a\\u0062": ["x"]\n}\n}\n}', 4],
  ])("%j", async (content, line) => {
    const path = written(content);
    expect(await trustErrorOf(readNotaryConfig(path))).toMatchObject({
      code: "POLICY_INVALID",
      file: path,
      line,
    });
  });

  it("that is missing, or too large: POLICY_INVALID", async () => {
    const missing = join(temporaryDirectory(), "config.json");
    expect((await trustErrorOf(readNotaryConfig(missing))).code).toBe("POLICY_INVALID");
    expect((await trustErrorOf(readNotaryConfig(written(" ".repeat(1_048_577))))).code).toBe(
      "POLICY_INVALID",
    );
  });
});

describe("disable_tofu", () => {
  it("is false unless it is said", async () => {
    expect((await read({})).disableTofu).toBe(false);
    expect((await read({ disable_tofu: false })).disableTofu).toBe(false);
    expect((await read({ disable_tofu: true })).disableTofu).toBe(true);
  });

  it("is refused if it is no truth value", async () => {
    expect((await trustErrorOf(read({ disable_tofu: "yes" }))).code).toBe("POLICY_INVALID");
  });
});
