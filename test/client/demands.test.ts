import { beforeEach, describe, expect, it } from "vitest";
import { explain } from "../../src/client/errors.ts";
import { bareKey, generatePrivateKey } from "../support/bare/keys.ts";
import { trustErrorOf } from "../support/fetching.ts";
import { newKey, type Simulator, simulatedNow, someTarget } from "../support/simulator.ts";
import type { TrustSite } from "../support/trust-site.ts";
import { policyFor, simulated, siteOf, trusting } from "../support/trusting.ts";

const name = "registry.example.test/acme/kernel";
const day = 86_400_000;
let sim: Simulator;
let site: TrustSite;

beforeEach(async () => {
  sim = await simulated(name, "1");
  site = await siteOf(sim);
});

async function codeWith(rule: object, tag = "1"): Promise<string> {
  const trust = await trusting(site, { policy: policyFor(rule) });
  return await trust.resolve(`${name}:${tag}`).then(
    () => "accepted",
    ({ code }: { code: string }) => code,
  );
}

describe("thresholds", () => {
  it("may be higher than the metadata say, in every role on the way", async () => {
    const { keys } = sim.targetsOf("targets");
    const rule = { roles: { targets: { minThreshold: 2 } } };
    expect(await codeWith(rule)).toBe("POLICY_THRESHOLD");
    keys.push(newKey());
    sim.publish();
    expect(await codeWith(rule)).toBe("accepted");
    sim.delegate("targets/releases").names.set("2", someTarget("2"));
    sim.publish();
    expect(await codeWith(rule, "2")).toBe("accepted");
    expect(await codeWith({ roles: { targets: { minThreshold: 3 } } }, "2")).toBe("POLICY_THRESHOLD");
    expect(await codeWith({ roles: { "targets/releases": { minThreshold: 2 } } }, "2")).toBe(
      "POLICY_THRESHOLD",
    );
    // It counts for this name too, although it says nothing of it.
    expect(await codeWith({ roles: { "targets/releases": { minThreshold: 2 } } }, "1")).toBe(
      "POLICY_THRESHOLD",
    );
  });

  it("are told as the greater of both", async () => {
    sim.targetsOf("targets").keys.push(newKey(), newKey());
    sim.targetsOf("targets").threshold = 3;
    sim.publish();
    const trust = await trusting(site, { policy: policyFor({ roles: { targets: { minThreshold: 2 } } }) });
    const { threshold, signers } = await trust.resolve(`${name}:1`);
    expect([threshold, signers.length]).toEqual([{ needed: 3, signed: 3 }, 3]);
  });
});

describe("algorithms", () => {
  it("that are not allowed do not count", async () => {
    expect(await codeWith({ algorithms: ["ecdsa-p256"] })).toBe("accepted");
    expect(await codeWith({ algorithms: ["ed25519"] })).toBe("POLICY_THRESHOLD");
    sim.targetsOf("targets").keys = [newKey("ed25519")];
    sim.publish();
    expect(await codeWith({ algorithms: ["ecdsa-p256"] })).toBe("POLICY_THRESHOLD");
    expect(await codeWith({ algorithms: ["ecdsa-p256", "ed25519"] })).toBe("accepted");
    // The reason is told, with what would have to be allowed.
    const trust = await trusting(site, { policy: policyFor({ algorithms: ["ecdsa-p256"] }) });
    await expect(trust.resolve(`${name}:1`)).rejects.toMatchObject({
      message: expect.stringMatching(
        /1 more do not count, because `algorithms` of the rule \*\* does not allow ed25519/,
      ),
      detail: { needed: 1, signed: 0, notAllowed: 1, algorithms: ["ed25519"] },
    });
    // One that counts beside one that does not.
    sim.targetsOf("targets").keys.push(bareKey(generatePrivateKey("ecdsa")));
    sim.publish();
    expect(await codeWith({ algorithms: ["ecdsa-p256"] })).toBe("accepted");
  });
});

describe("lifetimes", () => {
  it("of a role are bounded to the millisecond", async () => {
    sim.targetsOf("targets").expires = simulatedNow + 90 * day;
    sim.publish();
    expect(await codeWith({ roles: { targets: { maxLifetime: "90d" } } })).toBe("accepted");
    sim.targetsOf("targets").expires = simulatedNow + 90 * day + 1_000;
    sim.publish();
    expect(await codeWith({ roles: { targets: { maxLifetime: "90d" } } })).toBe("LIFETIME");
  });

  it("of a role that does not count do not matter", async () => {
    sim.delegate("targets/nightly");
    sim.publish();
    expect(await codeWith({ roles: { "targets/nightly": { maxLifetime: "1d" } } })).toBe("accepted");
  });
});

describe("required roles", () => {
  const rule = { require: ["targets/releases", "targets/security"] };
  const sign = (role: string, content: string) => sim.delegate(role).names.set("2", someTarget(content));

  it("must all name the same digest", async () => {
    sign("targets/releases", "two");
    sign("targets/security", "two");
    sim.publish();
    expect(await codeWith(rule, "2")).toBe("accepted");
    sign("targets/security", "other");
    sim.publish();
    expect(await codeWith(rule, "2")).toBe("ROLES_DISAGREE");
  });

  it("must all be there", async () => {
    sign("targets/releases", "two");
    sim.publish();
    expect(await codeWith(rule, "2")).toBe("ROLES_DISAGREE");
    sim.delegate("targets/security");
    sim.publish();
    expect(await codeWith(rule, "2")).toBe("ROLES_DISAGREE");
    sim.break.withhold("targets/security");
    expect(await codeWith(rule, "2")).toBe("ROLE_UNAVAILABLE");
  });

  it("bring their own demands", async () => {
    sign("targets/releases", "two");
    sign("targets/security", "two");
    sim.publish();
    const strict = { ...rule, roles: { "targets/security": { minThreshold: 2 } } };
    expect(await codeWith(strict, "2")).toBe("POLICY_THRESHOLD");
  });

  it("are asked for digests too", async () => {
    sign("targets/releases", "two");
    sim.publish();
    const trust = await trusting(site, { policy: policyFor(rule) });
    const reference = `${name}@sha256:${someTarget("two").sha256}`;
    await expect(trust.resolve(reference)).rejects.toMatchObject({ code: "ROLES_DISAGREE" });
  });
});

describe("signing dates", () => {
  const signed = (signedAt: unknown) => {
    sim.targetsOf("targets").names.set("1", {
      ...someTarget("1"),
      custom: { vidimus: { signedAt: signedAt as string } },
    });
    sim.publish();
  };
  const on = (days: number) => `${new Date(simulatedNow + days * day).toISOString().slice(0, 19)}Z`;
  const rule = { signatures: { maxAge: "180d" } };

  it.each([
    ["just young enough", on(-180), "accepted"],
    ["too old", on(-180.001), "SIGNATURE_TOO_OLD"],
    ["of the next hours", on(0.9), "accepted"],
    ["of the future", on(1.1), "SIGNATURE_DATE"],
    ["that is none", "yesterday", "SIGNATURE_DATE"],
    ["that is a number", 5, "SIGNATURE_DATE"],
  ])("%s", async (_, date, code) => {
    signed(date);
    expect(await codeWith(rule)).toBe(code);
    expect(await codeWith({})).toBe("accepted");
  });

  it("that is missing is told with the member, the command and the policy's other way", async () => {
    const error = await trustErrorOf(
      (await trusting(site, { policy: policyFor(rule) })).resolve(`${name}:1`),
    );
    expect(error.message).toContain("`vidimus.signedAt`");
    expect(explain(error)?.next).toMatch(/notary add --custom.*unknownAge: allow/);
  });

  it("may be demanded, or not", async () => {
    expect(await codeWith(rule)).toBe("SIGNATURE_DATE");
    expect(await codeWith({ signatures: { maxAge: "180d", unknownAge: "refuse" } })).toBe("SIGNATURE_DATE");
    expect(await codeWith({ signatures: { maxAge: "180d", unknownAge: "allow" } })).toBe("accepted");
    signed(on(-200));
    expect(await codeWith({ signatures: { maxAge: "180d", unknownAge: "allow" } })).toBe("SIGNATURE_TOO_OLD");
  });
});
