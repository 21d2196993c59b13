import { beforeAll, describe, expect, it } from "vitest";
import { notary } from "../../src/core/format/notary.ts";
import type { Metadata } from "../../src/core/model.ts";
import { evaluate } from "../../src/policy/evaluate.ts";
import { defaultPolicy } from "../../src/policy/policy.ts";
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
    expect(evaluate(files(), defaultPolicy)).toEqual([]);
  });

  it("on no files: none", () => {
    expect(evaluate([], defaultPolicy)).toEqual([]);
  });

  it("of every rule on every file, not only the first", () => {
    const shared = newKey();
    sim.snapshot.keys = [shared];
    sim.timestamp.keys = [shared];
    sim.targetsOf("targets").keys = [shared];
    sim.targetsOf("targets/a").threshold = 2;
    sim.publish();
    const found = evaluate(files(), defaultPolicy).map(({ code, severity, role }) => [code, severity, role]);
    expect(found).toEqual([
      ["KEY_SEPARATION", "refuse", "root"],
      ["KEY_SEPARATION", "refuse", "root"],
      ["UNREACHABLE_DELEGATION", "warn", "targets/a"],
    ]);
  });

  it("say in a sentence who must do what", () => {
    for (const { sentence } of evaluate(files(), defaultPolicy)) expect(sentence).toMatch(/^[A-Zt].*: .+\.$/);
  });
});
