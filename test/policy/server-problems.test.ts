import { describe, expect, it } from "vitest";
import { readPolicy } from "../../src/policy/schema.ts";
import { serverProblems } from "../../src/policy/server-problems.ts";

const [one, two] = ["ab".repeat(32), "cd".repeat(32)];
function places(...repositories: readonly object[]): string[] {
  const policy = readPolicy({ repositories });
  if ("length" in policy) return expect.unreachable(JSON.stringify(policy));
  return serverProblems(policy).map(({ path }) => path.join("."));
}

describe("two mirrors of one place", () => {
  const mirror = (host: string) => ({ match: `${host}/**`, trustedAs: "docker.io/**" });

  it("are refused, because a server cannot choose between them", () => {
    expect(places(mirror("a.test"), mirror("b.test"))).toEqual(["repositories.1.trustedAs"]);
  });

  it("are good where a rule speaks for the place itself", () => {
    expect(places(mirror("a.test"), mirror("b.test"), { match: "docker.io/**" })).toEqual([]);
  });

  it("of different places are good", () => {
    expect(places(mirror("a.test"), { match: "b.test/**", trustedAs: "quay.test/**" })).toEqual([]);
  });
});

describe("pins that no root can satisfy", () => {
  it.each<[object, readonly string[]]>([
    [{ pins: { keys: [one] } }, []],
    [{ pins: { keys: [one] }, minThreshold: 2 }, ["repositories.0.root"]],
    [{ pins: { keys: [one], certificates: [two] }, minThreshold: 2 }, []],
    [{ pins: { keys: [one], ca: "ca.pem" }, minThreshold: 9 }, []],
    [{ minThreshold: 2 }, []],
  ])("%j: %j", (root, expected) => {
    expect(places({ match: "team/app", root })).toEqual(expected);
  });
});

it("a client's file is good for a server", () => {
  const rule = {
    match: "docker.io/**",
    server: "https://elsewhere.test",
    tofu: true,
    lookup: ["targets/a"],
    require: ["targets/a", "targets/b"],
    offline: { maxAge: "1h" },
  };
  expect(places(rule, { match: "mirror.test/**", trustedAs: "docker.io/**" })).toEqual([]);
});
