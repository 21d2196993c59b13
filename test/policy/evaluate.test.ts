import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { notary } from "../../src/core/format/notary.ts";
import type { Metadata } from "../../src/core/model.ts";
import { evaluate } from "../../src/policy/evaluate.ts";
import { defaultPolicy } from "../../src/policy/policy.ts";
import { examined, judged, openPolicy, ruled, said } from "../support/judging.ts";
import { Publishing } from "../support/publishing.ts";
import { newKey, Simulator } from "../support/simulator.ts";

let sim: Simulator;
const files = (): Metadata[] => [...sim.served].map(([role, bytes]) => notary.parse(role, bytes));

beforeAll(async () => {
  sim = await Simulator.create();
  sim.delegate("targets/a");
  sim.publish();
});

describe("findings", () => {
  it("on a good repository: none", () => {
    expect(evaluate(examined(files()), defaultPolicy)).toEqual([]);
  });

  it("on no files: none", () => {
    expect(evaluate(examined([]), defaultPolicy)).toEqual([]);
  });

  it("of every rule on every file, not only the first", () => {
    const shared = newKey();
    sim.snapshot.keys = [shared];
    sim.timestamp.keys = [shared];
    sim.targetsOf("targets").keys = [shared];
    sim.targetsOf("targets/a").threshold = 2;
    sim.publish();
    const found = evaluate(examined(files()), defaultPolicy).map(({ code, severity, role }) => [
      code,
      severity,
      role,
    ]);
    expect(found).toEqual([
      ["KEY_SEPARATION", "refuse", "root"],
      ["KEY_SEPARATION", "refuse", "root"],
      ["UNREACHABLE_DELEGATION", "warn", "targets/a"],
    ]);
  });

  it("say in a sentence what is wrong, and in another who must do what", () => {
    const found = evaluate(examined(files()), defaultPolicy);
    expect(found.length).toBeGreaterThan(0);
    for (const { sentence, fix } of found)
      for (const each of [sentence, fix]) expect(each).toMatch(/^[A-Zt].+\.$/);
  });
});

describe("with a policy file", () => {
  let publishing: Publishing;
  beforeEach(async () => {
    publishing = await Publishing.create();
  });
  const found = (file: object) =>
    said(judged(publishing, { ...defaultPolicy, file: openPolicy({ ...file }) }));
  const strict = { root: { minThreshold: 2 } };

  it("that has no rule for the repository, it is refused, unless the default lets it through", () => {
    const repositories = [{ match: "elsewhere.test/**", ...strict }];
    expect(found({ repositories })).toEqual(["NO_RULE"]);
    expect(found({ repositories, default: "unverified" })).toEqual([]);
  });

  it("the most specific rule speaks, alone", () => {
    const repositories = [{ match: "**", ...strict }, { match: publishing.sim.repository }];
    expect(found({ repositories })).toEqual([]);
  });

  it("in which two rules are equally specific for the repository, it is refused", () => {
    const repositories = [{ match: "example.org/*/app" }, { match: "example.org/team/*" }];
    expect(found({ repositories })).toEqual(["POLICY_AMBIGUOUS"]);
  });

  it("a rule for a mirror speaks for the name that is signed, not for the mirror's", () => {
    const mirror = { match: "mirror.test/**", trustedAs: "example.org/**", ...strict };
    expect(found({ repositories: [mirror] })).toContain("POLICY_THRESHOLD root");
    const away = { match: "example.org/**", trustedAs: "elsewhere.test/**", ...strict };
    expect(found({ repositories: [away] })).toEqual(["NO_RULE"]);
  });

  it("a rule for the name itself goes before one for its mirror", () => {
    const mirror = { match: "mirror.test/**", trustedAs: "example.org/**", ...strict };
    expect(found({ repositories: [mirror, { match: "example.org/**" }] })).toEqual([]);
  });

  it("keys that only a client can obey change nothing", () => {
    const clients = {
      server: "https://other.test",
      tofu: true,
      lookup: ["targets/x"],
      signatures: { maxAge: "1s" },
      offline: { maxAge: "1h" },
    };
    expect(judged(publishing, ruled(clients))).toEqual([]);
  });

  it("all findings come at once, refusals before warnings, pins and thresholds first", () => {
    publishing.sim.snapshot.keys = publishing.sim.timestamp.keys;
    publishing.sim.delegate("targets/a", { threshold: 2, filed: false });
    publishing.sim.publish();
    const policy = ruled({
      root: { pins: { keys: ["ab".repeat(32)] }, maxLifetime: "1d" },
      roles: { targets: { minThreshold: 2, maxLifetime: "1d" } },
    });
    expect(said(judged(publishing, policy))).toEqual([
      "KEY_SEPARATION root",
      "PIN_MISMATCH root",
      "POLICY_THRESHOLD targets",
      "THRESHOLD_TOO_LOW root",
      "LIFETIME root",
      "LIFETIME targets",
      "UNREACHABLE_DELEGATION targets/a",
    ]);
  });
});
