import { beforeEach, describe, expect, it } from "vitest";
import { lookUp } from "../../src/client/lookup.ts";
import { parsePolicyValue } from "../../src/client/policy/file.ts";
import { viewOf } from "../../src/client/repository-view.ts";
import type { Scope } from "../../src/client/scope.ts";
import { notary } from "../../src/core/format/notary.ts";
import { trustErrorOf } from "../support/fetching.ts";
import { fullClient, manifest, verifyAt } from "../support/fixtures.ts";
import { newKey, type Simulator, someTarget } from "../support/simulator.ts";
import type { TrustSite } from "../support/trust-site.ts";
import { policyFor, simulated, siteOf, trusting } from "../support/trusting.ts";

const name = "registry.example.test/acme/kernel";
let sim: Simulator;
let site: TrustSite;

beforeEach(async () => {
  sim = await simulated(name, "both", "only-targets");
  site = await siteOf(sim);
});

/** A role with these names, whose contents are the role's own name. */
function role(role: string, names: readonly string[], wish: Parameters<Simulator["delegate"]>[1] = {}): void {
  const state = sim.delegate(role, wish);
  for (const each of names) state.names.set(each, someTarget(role));
}

async function whoSigns(target: string, rule: object = {}): Promise<string> {
  const trust = await trusting(site, { policy: policyFor(rule) });
  return await trust.lookUp({ repository: name, target }).then(
    ({ role: signer }) => signer,
    async (error: { code: string; detail?: { reason?: string } }) =>
      [error.code, error.detail?.reason].filter(Boolean).join(" "),
  );
}

describe("the order of roles", () => {
  it("is targets/releases, then targets, unless told", async () => {
    role("targets/releases", ["both"]);
    sim.publish();
    expect(await whoSigns("both")).toBe("targets/releases");
    expect(await whoSigns("only-targets")).toBe("targets");
    expect(await whoSigns("both", { lookup: ["targets", "targets/releases"] })).toBe("targets");
  });

  it("takes no role that is not named", async () => {
    role("targets/dev", ["new"]);
    sim.publish();
    expect(await whoSigns("new")).toBe("NOT_SIGNED_IN_ROLE");
    expect(await whoSigns("new", { lookup: ["targets/dev"] })).toBe("targets/dev");
    expect(await whoSigns("both", { lookup: ["targets/dev"] })).toBe("NOT_SIGNED_IN_ROLE");
  });

  it("passes over a role that nobody delegates to", async () => {
    expect(await whoSigns("both", { lookup: ["targets/none/below", "targets/none", "targets"] })).toBe(
      "targets",
    );
  });

  it("is breadth first, in the order of the files, below targets/**", async () => {
    role("targets/b", ["x"]);
    role("targets/a", ["x", "y"]);
    role("targets/b/deep", ["y", "z"]);
    role("targets/a/deep", ["z"]);
    sim.publish();
    expect(await whoSigns("both", { lookup: ["targets/**"] })).toBe("targets");
    expect(await whoSigns("x", { lookup: ["targets/**"] })).toBe("targets/b");
    expect(await whoSigns("y", { lookup: ["targets/**"] })).toBe("targets/a");
    expect(await whoSigns("z", { lookup: ["targets/**"] })).toBe("targets/b/deep");
    expect(await whoSigns("z", { lookup: ["targets/a/**", "targets/**"] })).toBe("targets/a/deep");
    expect(await whoSigns("none", { lookup: ["targets/**"] })).toBe("NOT_SIGNED");
  });

  it("is bounded", async () => {
    for (let i = 0; i < 5; i++) role(`targets/r${i}`, []);
    sim.publish();
    const trust = await trusting(site, {
      policy: policyFor({ lookup: ["targets/**"] }),
      limits: { delegations: 3 },
    });
    const error = await trustErrorOf(trust.lookUp({ repository: name, target: "x" }));
    expect(error.code).toBe("TOO_MANY_DELEGATIONS");
  });
});

describe("a role has a say", () => {
  it("about what every delegation above it covers", async () => {
    role("targets/a", ["v1/x", "other"], { paths: ["v1/", "v2/"] });
    role("targets/a/b", ["v1/y", "v2/y", "v3/y"], { paths: ["v1/", "v3/"] });
    sim.publish();
    const rule = { lookup: ["targets/a", "targets/a/b"] };
    expect(await whoSigns("v1/x", rule)).toBe("targets/a");
    expect(await whoSigns("other", rule)).toMatch(/^NOT_SIGNED/);
    expect(await whoSigns("v1/y", rule)).toBe("targets/a/b");
    expect(await whoSigns("v2/y", rule)).toMatch(/^NOT_SIGNED/);
    expect(await whoSigns("v3/y", rule)).toMatch(/^NOT_SIGNED/);
  });

  it("about what the policy leaves to it", async () => {
    role("targets/releases", ["v1/x", "w/x"]);
    sim.publish();
    const rule = { roles: { "targets/releases": { paths: ["v1/"] } } };
    expect(await whoSigns("v1/x", rule)).toBe("targets/releases");
    expect(await whoSigns("w/x", rule)).toMatch(/^NOT_SIGNED/);
  });

  it("about nothing where its delegation has no paths", async () => {
    role("targets/releases", ["both"], { paths: [] });
    sim.publish();
    expect(await whoSigns("both")).toBe("targets");
  });
});

describe("a role that counts and is not to be had refuses the look-up, whoever else has an entry", () => {
  beforeEach(() => {
    role("targets/releases", ["both"]);
    sim.publish();
  });

  it.each([
    ["expired", "EXPIRED", () => sim.break.expire("targets/releases")],
    ["below its threshold", "THRESHOLD", () => sim.break.signWith("targets/releases", [newKey()])],
  ])("%s", async (_, reason, spoil) => {
    spoil();
    sim.break.vouch();
    for (const target of ["both", "only-targets"])
      expect(await whoSigns(target)).toBe(`ROLE_UNAVAILABLE ${reason}`);
    expect(await whoSigns("both", { lookup: ["targets", "targets/releases"] })).toBe(
      `ROLE_UNAVAILABLE ${reason}`,
    );
    expect(await whoSigns("both", { lookup: ["targets"] })).toBe("targets");
  });

  it("withheld, or not listed", async () => {
    sim.break.withhold("targets/releases");
    expect(await whoSigns("only-targets")).toBe("ROLE_UNAVAILABLE FILE_WITHHELD");
    sim.break.vouch();
    expect(await whoSigns("only-targets")).toBe("ROLE_UNAVAILABLE FILE_WITHHELD");
  });

  it("but not about names that are none of its business", async () => {
    sim.targetsOf("targets/releases").paths = ["v1/"];
    sim.publish();
    sim.break.withhold("targets/releases");
    expect(await whoSigns("only-targets")).toBe("targets");
  });
});

it("targets that are not to be had are told as they are", async () => {
  sim.break.withhold("targets");
  expect(await whoSigns("both")).toBe("FILE_WITHHELD");
});

describe.each(manifest.collections)("the real collection $dir", ({ dir, gun, targets }) => {
  it("has each name in the role that signs it, and none outside of its role's paths", async () => {
    const [rule] = (await parsePolicyValue(policyFor({ lookup: ["targets/**"] }))).rules;
    const scope = { repository: gun, rule, format: notary, at: verifyAt, limits: { delegations: 16 } };
    const view = viewOf({
      scope: scope as unknown as Scope,
      set: fullClient(dir),
      offline: true,
      checkedAt: verifyAt,
      atHand: async () => undefined,
    });
    for (const [role, names] of Object.entries(targets)) {
      for (const each of Object.keys(names))
        expect((await lookUp(view, each))?.role, each).toBe(each === "outside" ? undefined : role);
    }
  });
});
