/** Which rules about claims are about somebody, and which are about everybody at a CI system. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { identifying, saysWho } from "../../../src/service/access/claimed-identity.ts";
import { hasClaims, type WantedClaims } from "../../../src/service/access/claims.ts";

/** What a stranger's job at the same CI system has in its token. */
const stranger = {
  sub: "repo:acme-evil/x:ref:refs/heads/main",
  repository: "acme-evil/x",
  repository_owner: "acme-evil",
  repository_owner_id: "12",
  project_path: "acme-evil/x",
  namespace_path: "acme-evil/sub",
  ref: "refs/heads/main",
  event_name: "push",
  environment: "production",
  email: "mallory@evil.test",
  email_verified: true,
  aud: "us",
};

describe("about everybody", () => {
  it.each<WantedClaims>([
    {},
    { ref: "refs/heads/main" },
    { event_name: "push", environment: "production" },
    { aud: "us" },
    { repository: "**" },
    { repository: "*/*" },
    { repository: "*/x", ref: "refs/heads/main" },
    { repository: "acme**" },
    { repository_owner: "*" },
    { repository_owner: "acme*" },
    { repository_owner_id: "1*" },
    { project_path: "**/x" },
    { namespace_path: "**" },
    { sub: "**" },
    { sub: "repo:**" },
    { sub: "repo:*/*:ref:refs/heads/main" },
    { sub: "repo:acme**" },
    { email: "**" },
    { email: "*@**" },
    { email: "mallory**" },
  ])("%j", (claims) => {
    expect(hasClaims(stranger, claims)).toBe(true);
    expect(saysWho(claims)).toBe(false);
  });

  it("a truth names nobody", () => {
    expect(saysWho({ sub: true })).toBe(false);
    expect(saysWho({ email_verified: true })).toBe(false);
  });

  it("subjects of other systems that say of which kind, and no name", () => {
    for (const sub of [
      "project_path:*/*:ref:main",
      "system:serviceaccount:*:*",
      "organization:**",
      "org/*/project/a",
    ])
      expect(saysWho({ sub })).toBe(false);
  });
});

describe("about somebody", () => {
  it.each<WantedClaims>([
    { sub: "a" },
    { sub: "repo:acme/app:ref:refs/heads/main" },
    { sub: "repo:acme/*:ref:refs/heads/main" },
    { sub: "repo:acme/app:**" },
    { sub: "project_path:acme/app:*:branch:ref:main" },
    { sub: "system:serviceaccount:builds:*" },
    { sub: "organization:acme:pipeline:**" },
    { sub: "org/0a1b/project/**" },
    { repository: "acme/app", ref: "**" },
    { repository: "acme/*", ref: "refs/heads/main" },
    { repository_owner: "acme" },
    { repository_owner_id: 7 },
    { project_path: "acme/tools/**" },
    { namespace_path: "acme" },
    { email: "alice@example.org" },
    { email: "*@example.org" },
    { groups: "notary-users" },
  ])("%j", (claims) => {
    expect(saysWho(claims)).toBe(true);
    expect(hasClaims(stranger, claims)).toBe(false);
  });
});

it("docs/access.md lists the claims", () => {
  const page = readFileSync(new URL("../../../docs/access.md", import.meta.url), "utf8");
  const [, list = ""] = /\*\*A rule says whom it is about\*\*(.*?)Before its first star/s.exec(page) ?? [];
  const claims = [...list.matchAll(/`([^`]+)`/g)].map(([, claim]) => claim);
  expect(claims.toSorted()).toEqual([...identifying].toSorted());
});
