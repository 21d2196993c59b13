import { describe, expect, it } from "vitest";
import { chooseRule } from "../../src/policy/choose.ts";
import { readPolicy } from "../../src/policy/schema.ts";
import type { TrustPolicy } from "../../src/policy/trust-policy.ts";

function policy(...repositories: readonly (string | object)[]): TrustPolicy {
  const result = readPolicy({
    repositories: repositories.map((each) => (typeof each === "string" ? { match: each } : each)),
  });
  return "length" in result ? expect.unreachable(JSON.stringify(result)) : result;
}

/** The patterns of what is chosen. */
function chosen(given: TrustPolicy, name: string): readonly string[] {
  const result = chooseRule(given, name);
  if (result === undefined) return [];
  return "ambiguous" in result ? result.ambiguous.map(({ match }) => match.text) : [result.rule.match.text];
}

describe("the rule for a name", () => {
  const all = policy("**", "docker.io/**", "docker.io/library/*", "nginx", "registry.example.test/team/**");
  it.each([
    ["docker.io/library/nginx", "nginx"],
    ["docker.io/library/redis", "docker.io/library/*"],
    ["docker.io/team/app", "docker.io/**"],
    ["registry.example.test/team/a/b", "registry.example.test/team/**"],
    ["registry.example.test/app", "**"],
  ])("%s: %s", (name, text) => {
    expect(chosen(all, name)).toEqual([text]);
  });

  it("does not depend on the order of the rules", () => {
    expect(chosen(policy("nginx", "**"), "docker.io/library/nginx")).toEqual(["nginx"]);
    expect(chosen(policy("**", "nginx"), "docker.io/library/nginx")).toEqual(["nginx"]);
  });

  it("is none where nothing matches", () => {
    expect(chosen(policy("registry.example.test/**"), "docker.io/library/nginx")).toEqual([]);
  });

  it("is ambiguous where two are equally specific", () => {
    const two = policy("*/team/app", "docker.io/*/app", "**");
    expect(chosen(two, "docker.io/team/app")).toEqual(["*/team/app", "docker.io/*/app"]);
  });

  it("is the more specific third where two others are equal", () => {
    const three = policy("*/team/app", "docker.io/*/app", "team/app");
    expect(chosen(three, "docker.io/team/app")).toEqual(["team/app"]);
  });
});

describe("the name that is signed", () => {
  const repository = (given: TrustPolicy, name: string) => {
    const result = chooseRule(given, name);
    return result !== undefined && "repository" in result ? result.repository : undefined;
  };

  it("is the name itself", () => {
    expect(repository(policy("nginx"), "docker.io/library/nginx")).toBe("docker.io/library/nginx");
  });

  it("has its host in lower case, and the port that was written", () => {
    const rules = policy("registry.example.test/**");
    expect(repository(rules, "REGISTRY.example.test/app")).toBe("registry.example.test/app");
    expect(repository(rules, "registry.example.test:443/app")).toBe("registry.example.test:443/app");
    expect(repository(policy("acme/files"), "acme/files")).toBe("acme/files");
  });

  it("has the port that trustedAs writes", () => {
    const mirror = policy({ match: "registry.example.test/**", trustedAs: "registry.example.test:443/**" });
    expect(repository(mirror, "registry.example.test/app")).toBe("registry.example.test:443/app");
  });

  it("is what trustedAs makes of a mirror's", () => {
    const mirror = policy({ match: "mirror.example.test/*/**", trustedAs: "docker.io/*/**" });
    expect(repository(mirror, "mirror.example.test/team/a/b")).toBe("docker.io/team/a/b");
  });

  it("is one for all where trustedAs and match have no stars", () => {
    const one = policy({ match: "mirror.example.test/nginx", trustedAs: "nginx" });
    expect(repository(one, "mirror.example.test/nginx")).toBe("docker.io/library/nginx");
  });
});
