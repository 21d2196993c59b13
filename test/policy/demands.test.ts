import { describe, expect, it } from "vitest";
import { demandsOf, entryFor } from "../../src/policy/demands.ts";
import { readPolicy } from "../../src/policy/schema.ts";
import type { Rule } from "../../src/policy/trust-policy.ts";

function rule(value: object): Rule {
  const policy = readPolicy({ repositories: [{ match: "team/app", ...value }] });
  if ("length" in policy) return expect.unreachable(JSON.stringify(policy));
  return policy.rules[0] ?? expect.unreachable("no rule");
}

const entries = (...names: readonly string[]) =>
  rule({ roles: Object.fromEntries(names.map((name) => [name, {}])) });

describe("the entry that speaks for a role", () => {
  it.each<[string, readonly string[], string | undefined]>([
    ["targets", ["targets"], "targets"],
    ["targets", ["targets/a"], undefined],
    ["targets/a", ["targets"], undefined],
    ["targets", ["targets/**"], "targets/**"],
    ["targets/a", ["targets/**"], "targets/**"],
    ["targets/a/b", ["targets/**"], "targets/**"],
    ["targets/a", ["targets/**", "targets/a"], "targets/a"],
    ["targets/a", ["targets/a/**", "targets/a"], "targets/a"],
    ["targets/a/b", ["targets/**", "targets/a/**"], "targets/a/**"],
    ["targets/ab", ["targets/a/**"], undefined],
    ["root", ["targets/**"], undefined],
    ["snapshot", ["targets/**"], undefined],
  ])("%s under %j: %s", (role, names, expected) => {
    expect(entryFor(entries(...names), role)).toBe(expected);
  });

  it("speaks alone", () => {
    const both = rule({ roles: { "targets/**": { maxLifetime: "1d" }, "targets/a": { minThreshold: 2 } } });
    expect(demandsOf(both, "targets/a")).toEqual({
      minThreshold: 2,
      maxLifetime: undefined,
      paths: undefined,
    });
  });
});

it("what is demanded of root stands under root", () => {
  expect(demandsOf(rule({ root: { minThreshold: 2, maxLifetime: "1d" } }), "root")).toEqual({
    minThreshold: 2,
    maxLifetime: 86_400_000,
    paths: undefined,
  });
});

it("a rule remembers which of its keys come from defaults", () => {
  const policy = readPolicy({
    defaults: { tofu: true, algorithms: ["ed25519"] },
    repositories: [{ match: "team/app", tofu: false, maxVersionStep: 1 }],
  });
  const [only] = "length" in policy ? expect.unreachable(JSON.stringify(policy)) : policy.rules;
  expect([...(only?.origins ?? [])].sort()).toEqual([
    ["algorithms", "defaults"],
    ["maxVersionStep", "rule"],
    ["tofu", "rule"],
  ]);
});
