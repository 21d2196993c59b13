import { describe, expect, it } from "vitest";
import { readPolicy } from "../../src/policy/schema.ts";
import { stockFindings } from "../../src/policy/stock.ts";

const [one, two] = ["ab".repeat(32), "cd".repeat(32)];

function found(policy: object): string[] {
  const read = readPolicy(policy);
  if ("length" in read) return expect.unreachable(JSON.stringify(read));
  return stockFindings(read).map(({ place, clients, refused }) => `${place} ${clients.join("+")} ${refused}`);
}
const ofRule = (rule: object) =>
  found({ repositories: [{ match: "team/app", ...rule }] }).map((each) =>
    each.replace("repositories[0].", ""),
  );

describe("what docker trust and notary cannot satisfy", () => {
  it.each<[object, readonly string[]]>([
    [{ root: { minThreshold: 2 } }, ["root.minThreshold docker+notary publishing"]],
    [{ root: { maxLifetime: "3649d" } }, ["root.maxLifetime docker+notary publishing"]],
    [{ roles: { targets: { minThreshold: 2 } } }, ["roles.targets.minThreshold docker+notary publishing"]],
    [
      { roles: { "targets/**": { maxLifetime: "1094d" } } },
      ["roles.targets/**.maxLifetime docker+notary publishing"],
    ],
    [{ roles: { "targets/a": { paths: ["v"] } } }, ["roles.targets/a.paths docker publishing"]],
    [{ algorithms: ["ed25519", "rsa-2048"] }, ["algorithms docker+notary publishing"]],
    [{ root: { pins: { ca: "ca.pem" } } }, ["root.pins.ca docker publishing"]],
    [{ root: { pins: { certificates: [one] } } }, ["root.pins.certificates docker publishing"]],
    [{ signatures: { maxAge: "1d" } }, ["signatures.maxAge docker reading"]],
    [{ require: ["targets/a", "targets/b"] }, ["require docker reading"]],
  ])("%j", (rule, expected) => {
    expect(ofRule(rule)).toEqual(expected);
  });
});

describe("what they can", () => {
  it.each<object>([
    {},
    { root: { pins: { keys: [one, two] }, maxLifetime: "3650d", minThreshold: 1 } },
    { root: { pins: { keys: [one], ca: "ca.pem" } } },
    {
      roles: {
        "targets/**": { maxLifetime: "1095d" },
        targets: { paths: ["v"] },
        "targets/a": { paths: [""] },
      },
    },
    { algorithms: ["ecdsa-p256"], maxVersionStep: 1 },
    { signatures: { maxAge: "1d", unknownAge: "allow" } },
    { require: ["targets", "targets/releases"] },
  ])("%j", (rule) => {
    expect(ofRule(rule)).toEqual([]);
  });
});

it("what stands in defaults is found there, once", () => {
  const policy = {
    defaults: { algorithms: ["ed25519"] },
    repositories: [{ match: "team/a" }, { match: "team/b" }, { match: "team/c", algorithms: ["ecdsa-p256"] }],
  };
  expect(found(policy)).toEqual(["defaults.algorithms docker+notary publishing"]);
});
