import { beforeEach, describe, expect, it } from "vitest";
import { explain } from "../../src/client/errors.ts";
import { trustErrorOf } from "../support/fetching.ts";
import { type Simulator, someTarget } from "../support/simulator.ts";
import type { TrustSite } from "../support/trust-site.ts";
import { policyFor, simulated, siteOf, trusting } from "../support/trusting.ts";

const name = "registry.example.test/acme/kernel";
let sim: Simulator;
let site: TrustSite;

beforeEach(async () => {
  sim = await simulated(name, "1", "2");
  site = await siteOf(sim);
});

async function refusalOf(reference: string, rule: object = {}) {
  const trust = await trusting(site, { policy: policyFor(rule) });
  return await trustErrorOf(trust.resolve(reference));
}

describe("a name that nobody signs", () => {
  it("is told with the names that are signed, for you to check", async () => {
    const error = await refusalOf(`${name}:3`);
    expect(error).toMatchObject({ code: "NOT_SIGNED", detail: { signed: ["1", "2"] } });
    expect(error.message).toBe(`Nobody who counts signs 3 in ${name}; signed are 1, 2.`);
    expect(explain(error)).toMatchObject({ who: "you", ending: "unsigned" });
  });

  it("is told as latest where no tag was given", async () => {
    expect((await refusalOf(name)).message).toMatch(/^No tag was given, so latest is meant\. /);
    expect((await refusalOf(`${name}:latest`)).message).not.toContain("No tag");
    expect((await refusalOf(`${name}@sha256:${"0".repeat(64)}`)).message).not.toContain("No tag");
  });

  it("is told with five names and no more, each cut to what fits a sentence", async () => {
    const { names } = sim.targetsOf("targets");
    for (let index = 0; index < 2_000; index++) names.set(`${"x".repeat(200)}${index}`, someTarget("1"));
    sim.publish();
    const { message, detail } = await refusalOf(`${name}:3`);
    expect(detail?.signed).toHaveLength(5);
    expect(message).toMatch(/ and more\.$/);
    expect(message.length).toBeLessThan(600);
  });

  it("is the publisher's to sign where there is no name at all", async () => {
    sim.targetsOf("targets").names.clear();
    sim.publish();
    const error = await refusalOf(`${name}:3`);
    expect(error.message).toContain("no name is signed there");
    expect(explain(error)?.who).toBe("publisher");
  });

  it("is told also where a role without a say in it cannot be had", async () => {
    sim.delegate("targets/releases", { paths: ["v2/"] });
    sim.publish();
    sim.break.withhold("targets/releases");
    expect(await refusalOf(`${name}:3`)).toMatchObject({ code: "NOT_SIGNED" });
  });

  it("names only those that a role may sign", async () => {
    sim.delegate("targets/releases", { paths: ["v2/"] }).names.set("other", someTarget("1"));
    sim.publish();
    const { detail } = await refusalOf(`${name}:3`, { lookup: ["targets/releases"] });
    expect(detail).toEqual({ signed: [] });
  });
});
