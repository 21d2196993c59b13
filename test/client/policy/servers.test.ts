import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "../../support/directory.ts";
import { closeLater, serverPair, trustCodeOf, trustErrorOf } from "../../support/fetching.ts";
import { startSecureSite } from "../../support/trust-site.ts";
import { listener, simulated, siteOf, trusting } from "../../support/trusting.ts";

const acme = "registry.example.test/acme/kernel";
const other = "registry.example.test/other/app";

async function secure(...sims: Parameters<typeof startSecureSite>[1][]) {
  const pair = await serverPair();
  const site = await startSecureSite(pair, ...sims);
  closeLater(() => site.close());
  const ca = join(temporaryDirectory(), "ca.pem");
  writeFileSync(ca, pair.ca);
  return { url: site.url, asked: site.asked, ca };
}

describe("the server", () => {
  it("is the rule's, else the policy's, else the option's", async () => {
    const [first, second, third] = await Promise.all([
      siteOf(await simulated(acme, "1")),
      siteOf(await simulated(other, "2")),
      siteOf(await simulated("registry.example.test/third/app", "3")),
    ]);
    const rule = { match: "registry.example.test/acme/*", server: first.url, tofu: true };
    const rest = { match: "**", tofu: true };
    const trust = await trusting(third, { policy: { server: second.url, repositories: [rule, rest] } });
    expect((await trust.resolve(`${acme}:1`)).server).toBe(first.url);
    expect((await trust.resolve(`${other}:2`)).server).toBe(second.url);
    const without = await trusting(third, { policy: { repositories: [rule, rest] } });
    expect((await without.resolve("registry.example.test/third/app:3")).server).toBe(third.url);
  });

  it("is the same with a slash at its end", async () => {
    const site = await siteOf(await simulated(acme, "1"));
    const trust = await trusting({ url: `${site.url}/` });
    expect((await trust.resolve(`${acme}:1`)).server).toBe(site.url);
  });

  it("that nobody names is told", async () => {
    const site = await siteOf();
    const policy = { repositories: [{ match: "**", tofu: true }] };
    const { openTrust } = await import("../../../src/client/trust.ts");
    await using trust = await openTrust({ policy, cacheDir: temporaryDirectory(), environment: {} });
    expect(await trustCodeOf(trust.resolve(`${acme}:1`))).toBe("NO_SERVER");
    expect(site.asked).toEqual([]);
  });

  it("is known by its own authority, each by its own", async () => {
    const first = await secure(await simulated(acme, "1"));
    const second = await secure(await simulated(other, "2"));
    const rules = [
      { match: "registry.example.test/acme/*", server: first.url, tofu: true },
      { match: "registry.example.test/other/*", server: second.url, tofu: true },
    ];
    const folder = temporaryDirectory();
    const policy = join(folder, "trust.yaml");
    const write = (servers: object) =>
      writeFileSync(policy, JSON.stringify({ version: 1, servers, repositories: rules }));
    write({ [first.url]: { ca: first.ca }, [`${second.url}/`]: { ca: second.ca } });
    const good = await trusting(first, { policy });
    expect((await good.resolveAll([`${acme}:1`, `${other}:2`])).map(({ image }) => image?.server)).toEqual([
      first.url,
      second.url,
    ]);
    write({ [first.url]: { ca: second.ca }, [second.url]: { ca: second.ca } });
    const crossed = await trusting(first, { policy });
    const outcomes = await crossed.resolveAll([`${acme}:1`, `${other}:2`]);
    expect(outcomes.map(({ error }) => (error as { code?: string } | undefined)?.code)).toEqual([
      "TLS_UNTRUSTED",
      undefined,
    ]);
  });

  it("of the option is known by the option's authority, and no other server is", async () => {
    const first = await secure(await simulated(acme, "1"));
    expect((await (await trusting(first, { ca: first.ca })).resolve(`${acme}:1`)).target).toBe("1");
    expect(await trustCodeOf((await trusting(first)).resolve(`${acme}:1`))).toBe("TLS_UNTRUSTED");
    const policy = { server: first.url, repositories: [{ match: "**", tofu: true }] };
    const elsewhere = await trusting({ url: "https://127.0.0.1:1" }, { ca: first.ca, policy });
    expect(await trustCodeOf(elsewhere.resolve(`${acme}:1`))).toBe("TLS_UNTRUSTED");
  });

  it("whose authority cannot be read is not asked", async () => {
    const first = await secure(await simulated(acme, "1"));
    const ca = join(temporaryDirectory(), "absent.pem");
    expect(await trustErrorOf((await trusting(first, { ca })).resolve(`${acme}:1`))).toMatchObject({
      code: "OPTION_INVALID",
      file: ca,
    });
    expect(first.asked).toEqual([]);
  });

  it.each([
    ["a missing authority", "servers:\n  URL:\n    ca: absent.pem\n", 3, "`ca` names"],
    ["an authority that is no PEM", "servers:\n  URL:\n    ca: trust.yaml\n", 3, "PEM"],
    [
      "a missing client key",
      "servers:\n  URL/:\n    clientCertificate:\n      certificate: absent.pem\n      key: absent.key\n",
      4,
      "`clientCertificate.certificate` names",
    ],
  ])("for which the policy names %s is told in the policy's line", async (_, servers, line, words) => {
    const first = await secure(await simulated(acme, "1"));
    const file = join(temporaryDirectory(), "trust.yaml");
    writeFileSync(
      file,
      `${servers.replace("URL", first.url)}repositories:\n  - match: "**"\n    tofu: true\n`,
    );
    const error = await trustErrorOf((await trusting(first, { policy: file })).resolve(`${acme}:1`));
    expect(error).toMatchObject({ code: "POLICY_INVALID", file, line });
    expect(error.message).toContain(words);
    expect(first.asked).toEqual([]);
  });
});

describe("a mirror", () => {
  const mirrored = {
    repositories: [
      { match: "mirror.example.test/acme/**", trustedAs: "registry.example.test/acme/**", tofu: true },
    ],
  };

  it("is looked up by the name that is signed and pulled by its own", async () => {
    const site = await siteOf(await simulated(acme, "1"));
    const { events, onEvent } = listener();
    const trust = await trusting(site, { policy: mirrored, onEvent });
    const image = await trust.resolve("mirror.example.test/acme/kernel:1");
    expect(image.repository).toBe(acme);
    expect(image.reference).toBe(`mirror.example.test/acme/kernel:1@${image.digest}`);
    for (const event of events) if ("repository" in event) expect(event.repository).toBe(acme);
  });

  it("does not speak for what it mirrors", async () => {
    const site = await siteOf(await simulated(acme, "1"));
    const trust = await trusting(site, { policy: mirrored });
    expect(await trustErrorOf(trust.resolve(`${acme}:1`))).toMatchObject({
      code: "NO_RULE",
      repository: acme,
    });
  });

  it("and what it mirrors share a cache, each with its own demands", async () => {
    const site = await siteOf(await simulated(acme, "1"));
    const [rule] = mirrored.repositories;
    const strict = {
      match: "registry.example.test/acme/**",
      tofu: true,
      roles: { targets: { minThreshold: 2 } },
    };
    const trust = await trusting(site, { policy: { repositories: [rule, strict] } });
    const outcomes = await trust.resolveAll(["mirror.example.test/acme/kernel:1", `${acme}:1`]);
    expect(outcomes.map(({ error }) => (error as { code?: string } | undefined)?.code)).toEqual([
      undefined,
      "POLICY_THRESHOLD",
    ]);
  });
});

describe("rules", () => {
  it("that speak equally for a name are told with both places", async () => {
    const site = await siteOf();
    const policy = {
      repositories: [
        { match: "registry.example.test/*/kernel", tofu: true },
        { match: "registry.example.test/acme/*", tofu: true },
      ],
    };
    const error = await trustErrorOf((await trusting(site, { policy })).resolve(`${acme}:1`));
    expect(error.code).toBe("POLICY_INVALID");
    expect(error.message).toMatch(/repositories\[0\].*repositories\[1\]/);
  });
});
