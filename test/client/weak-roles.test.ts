/**
 * A role that counts is held to the policy also where it says nothing: one signer of two must not be able to bring back
 * an older digest of another role by publishing a list without the name.
 */
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { openTrust } from "../../src/client/index.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { newKey, Simulator, simulatedNow, someTarget } from "../support/simulator.ts";
import { startSite } from "../support/trust-site.ts";

const repository = "registry.example.test/team/app";
const day = 86_400_000;
let sim: Simulator;

beforeEach(async () => {
  sim = await Simulator.create(repository);
  sim.targetsOf("targets").names.set("app", someTarget("old"));
  const releases = sim.delegate("targets/releases", { keys: [newKey(), newKey()] });
  releases.names.set("app", someTarget("new"));
  sim.publish();
});

async function ask(rule: object, name = "app") {
  const site = await startSite(sim);
  const trust = await openTrust({
    server: site.url,
    cacheDir: temporaryDirectory(),
    dockerConfig: temporaryDirectory(),
    policy: { repositories: [{ match: "**", tofu: true, ...rule }] },
    now: () => simulatedNow,
  });
  onTestFinished(async () => {
    await trust.close();
    await site.close();
  });
  return await trust.resolve(`${repository}:${name}`);
}

/** The role's list without the name, by one of its two holders. */
function silence(): void {
  const releases = sim.targetsOf("targets/releases");
  releases.names.delete("app");
  releases.signers = releases.keys.slice(0, 1);
  sim.publish();
}

describe("a role that counts and says nothing of the name", () => {
  it("lets another role speak if it is as the policy demands", async () => {
    sim.targetsOf("targets/releases").names.delete("app");
    sim.publish();
    const rule = { roles: { "targets/releases": { minThreshold: 2 } } };
    expect((await ask(rule)).role).toBe("targets");
  });

  it("refuses below the policy's threshold", async () => {
    const rule = { roles: { "targets/releases": { minThreshold: 2 } } };
    expect((await ask(rule)).role).toBe("targets/releases");
    silence();
    await expect(ask(rule)).rejects.toMatchObject({ code: "POLICY_THRESHOLD", role: "targets/releases" });
  });

  it("refuses if it lives longer than the policy allows", async () => {
    silence();
    const rule = { roles: { "targets/releases": { maxLifetime: "30d" } } };
    await expect(ask(rule)).rejects.toMatchObject({ code: "LIFETIME", role: "targets/releases" });
  });

  it("refuses if its signatures are by algorithms that do not count", async () => {
    silence();
    await expect(ask({ algorithms: ["rsa-4096"] })).rejects.toMatchObject({ code: "POLICY_THRESHOLD" });
  });
});

describe("a required role", () => {
  const signedOn = (days: number) => ({
    vidimus: { signedAt: new Date(simulatedNow - days * day).toISOString() },
  });

  it("is held to the largest age of a signature as well", async () => {
    const target = someTarget("new");
    sim.targetsOf("targets/releases").names.set("app", { ...target, custom: signedOn(1) });
    sim.delegate("targets/security").names.set("app", { ...target, custom: signedOn(1) });
    sim.publish();
    const rule = { require: ["targets/releases", "targets/security"], signatures: { maxAge: "180d" } };
    expect((await ask(rule)).role).toBe("targets/releases");
    sim.targetsOf("targets/security").names.set("app", { ...target, custom: signedOn(1_000) });
    sim.publish();
    await expect(ask(rule)).rejects.toMatchObject({ code: "SIGNATURE_TOO_OLD", role: "targets/security" });
  });
});
