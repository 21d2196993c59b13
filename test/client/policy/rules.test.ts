import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { checkOptions, type TrustOptions } from "../../../src/client/options.ts";
import { parsePolicyValue } from "../../../src/client/policy/file.ts";
import type { NotaryConfig } from "../../../src/client/policy/notary-config.ts";
import { Rules } from "../../../src/client/policy/rules.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { trustCodeOf, trustErrorOf } from "../../support/fetching.ts";
import { type Certificate, makeCertificate } from "../../support/forgery.ts";

const at = Date.UTC(2026, 10, 24);
const [one, two] = ["1".repeat(64), "2".repeat(64)];
const server = "https://notary.example.test";
let ca: Certificate;

beforeAll(async () => {
  ca = await makeCertificate(at, { name: "An authority", ca: true });
});

async function rules(
  policy: object,
  options: TrustOptions = { server },
  notary?: NotaryConfig,
): Promise<Rules> {
  return new Rules(await parsePolicyValue(policy), checkOptions({ environment: {}, ...options }), notary);
}

/** Rules whose policy file lies in a folder, with a file of authorities beside it. */
function withCa(content: string | Buffer): { policy: string; path: string } {
  const folder = temporaryDirectory();
  const path = join(folder, "ca.pem");
  writeFileSync(path, content);
  return { policy: join(folder, "policy.yml"), path };
}

const caPolicy = { repositories: [{ match: "nginx", root: { pins: { ca: "ca.pem" } } }] };
const nginx = "docker.io/library/nginx";

describe("the rule for a name", () => {
  it("comes with the name that is signed and the server", async () => {
    const all = await rules({
      repositories: [
        { match: "mirror.example.test/*", trustedAs: "library/*", server: "https://mirror.example.test/" },
      ],
    });
    expect(await all.rule("mirror.example.test/nginx")).toMatchObject({
      repository: nginx,
      server: "https://mirror.example.test",
      pins: undefined,
    });
  });

  it("has the server of the rule, of the policy, of the options, in this order", async () => {
    const repositories = [{ match: "nginx", server: "https://rule.example.test" }, { match: "redis" }];
    const serverOf = async (policy: object, name: string, options?: TrustOptions) =>
      (await (await rules(policy, options)).rule(`docker.io/library/${name}`)).server;
    const policy = { server: "https://policy.example.test/", repositories };
    expect(await serverOf(policy, "nginx")).toBe("https://rule.example.test");
    expect(await serverOf(policy, "redis")).toBe("https://policy.example.test");
    expect(await serverOf({ repositories }, "redis")).toBe(server);
    expect(await trustCodeOf(serverOf({ repositories }, "redis", {}))).toBe("NO_SERVER");
  });

  it("is missing: NO_RULE, even where the default lets it through", async () => {
    for (const policy of [{}, { default: "unverified" }]) {
      const all = await rules(policy);
      expect(await trustErrorOf(all.rule(nginx))).toMatchObject({ code: "NO_RULE", repository: nginx });
      expect(all.covers(nginx)).toBe(false);
    }
  });

  it("speaks for every spelling of a host, so that none is let through by default", async () => {
    const all = await rules({ default: "unverified", repositories: [{ match: "registry.example.test/**" }] });
    for (const host of ["REGISTRY.example.test", "registry.example.test:443", "registry.example.test:0443"])
      expect(all.covers(`${host}/acme/x`)).toBe(true);
    expect(all.covers("registry.example.test:5000/acme/x")).toBe(false);
  });

  it("is a plain one for who only looks, with no pin and no trust", async () => {
    const { rule, repository, pins } = await (await rules({})).rule(nginx, "plain");
    expect([rule.tofu, rule.pins, repository, pins]).toEqual([false, undefined, nginx, undefined]);
  });

  it("is ambiguous: POLICY_INVALID, with the policy's file, and the name is covered all the same", async () => {
    const policy = { repositories: [{ match: "*/team/app" }, { match: "docker.io/*/app" }] };
    const all = await rules(policy, { server, policy: "/etc/policy.yml" });
    expect(await trustErrorOf(all.rule("docker.io/team/app"))).toMatchObject({
      code: "POLICY_INVALID",
      file: "/etc/policy.yml",
    });
    expect(await trustCodeOf(all.rule("docker.io/team/app", "plain"))).toBe("POLICY_INVALID");
    expect(all.covers("docker.io/team/app")).toBe(true);
  });

  it.each(["refuse", "unverified"] as const)("by default is %s", async (value) => {
    expect((await rules({ default: value })).default).toBe(value);
  });
});

describe("pins", () => {
  const notary: NotaryConfig = {
    disableTofu: false,
    pinsFor: (name) => (name === nginx ? { certificates: [two] } : undefined),
  };

  it("are those of the rule", async () => {
    const pins = { keys: [one], certificates: [two] };
    const all = await rules({ repositories: [{ match: "nginx", root: { pins } }] });
    expect((await all.rule(nginx)).pins).toEqual({ ...pins, authorities: [] });
  });

  it("are Notary's only where the rule has none, by the name that is signed", async () => {
    const policy = {
      repositories: [
        { match: "nginx" },
        { match: "mirror.example.test/*", trustedAs: "library/*", root: { pins: { keys: [one] } } },
        { match: "proxy.example.test/*", trustedAs: "library/*" },
        { match: "redis" },
      ],
    };
    const all = await rules(policy, { server }, notary);
    const pins = async (name: string) => (await all.rule(name)).pins;
    expect(await pins(nginx)).toEqual({ keys: [], certificates: [two], authorities: [] });
    expect(await pins("proxy.example.test/nginx")).toEqual({
      keys: [],
      certificates: [two],
      authorities: [],
    });
    expect(await pins("mirror.example.test/nginx")).toMatchObject({ keys: [one], certificates: [] });
    expect(await pins("docker.io/library/redis")).toBeUndefined();
  });

  it("are authorities of a file beside the policy, with text around its blocks", async () => {
    const { policy } = withCa(`# ours\n${ca.pem}\nsubject: x\n${ca.pem}`);
    const { pins } = await (await rules(caPolicy, { server, policy })).rule(nginx);
    expect(pins?.authorities.map(({ subject }) => subject)).toEqual(["CN=An authority", "CN=An authority"]);
  });

  it("are needed for a first use where Notary's configuration disables it", async () => {
    const policy = { repositories: [{ match: "nginx", tofu: true }] };
    const none = { pinsFor: () => undefined };
    const allowed = await rules(policy, { server }, { ...none, disableTofu: false });
    expect((await allowed.rule(nginx)).rule.tofu).toBe(true);
    const disabled = await rules(policy, { server }, { ...none, disableTofu: true });
    expect((await disabled.rule(nginx)).rule.tofu).toBe(false);
  });

  it("are authorities of a file that Notary's configuration names", async () => {
    const { path } = withCa(ca.pem);
    const all = await rules(
      { repositories: [{ match: "nginx" }] },
      { server },
      { disableTofu: false, pinsFor: () => ({ ca: path }) },
    );
    expect((await all.rule(nginx)).pins?.authorities).toHaveLength(1);
  });

  it.each([
    ["no certificate", () => "nothing"],
    ["nothing", () => ""],
    ["more certificates than 256", () => ca.pem.repeat(257)],
    ["a certificate that is none", () => "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
  ])("of a file with %s: POLICY_INVALID", async (_, content) => {
    const { policy, path } = withCa(content());
    const work = (await rules(caPolicy, { server, policy })).rule(nginx);
    expect(await trustErrorOf(work)).toMatchObject({ code: "POLICY_INVALID", file: path });
  });

  it("of a file with one block that is broken among good ones: POLICY_INVALID", async () => {
    const { policy } = withCa(ca.pem + ca.pem.replace("M", "?"));
    expect(await trustCodeOf((await rules(caPolicy, { server, policy })).rule(nginx))).toBe("POLICY_INVALID");
  });

  it("of a file that is missing: POLICY_INVALID", async () => {
    const policy = join(temporaryDirectory(), "policy.yml");
    expect(await trustCodeOf((await rules(caPolicy, { server, policy })).rule(nginx))).toBe("POLICY_INVALID");
  });
});
