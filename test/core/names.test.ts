import { describe, expect, it } from "vitest";
import {
  checkRepositoryName,
  checkRole,
  isDelegatedRole,
  isRepositoryName,
  isRole,
  isTargetsRole,
  isTopRole,
  parentRole,
  roleDepth,
} from "../../src/core/names.ts";
import { outcome } from "../support/refusals.ts";

const inherited = ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"];

describe("repository names", () => {
  it.each([
    "a",
    "a/b",
    "A/b",
    "docker.io/library/alpine",
    "registry.example.org/team/app",
    "registry.example.org:5000/team/app",
    "localhost:5000/a",
    "127.0.0.1:5000/a",
    "[::1]:5000/a",
    "a__b/c--d/e.f",
    "0/1",
    "constructor",
    "toString/valueOf",
    "a".repeat(255),
    Array(20).fill("segment").join("/"),
  ])("%s is one", (name) => {
    expect(isRepositoryName(name)).toBe(true);
  });

  it.each([
    ["nothing", ""],
    ["a slash", "/"],
    ["a slash in front", "/a"],
    ["a slash behind", "a/"],
    ["two slashes", "a//b"],
    ["a dot segment", "a/./b"],
    ["a dot-dot segment", "a/../b"],
    ["only dots", ".."],
    ["a hidden segment", "a/.b"],
    ["a dash in front", "a/-b"],
    ["an underscore in front", "a/_b"],
    ["_trust inside", "a/_trust/tuf/b"],
    ["_trust at the end", "a/_trust"],
    ["_trust alone", "_trust"],
    ["__proto__", "__proto__"],
    ["256 bytes", "a".repeat(256)],
    ["256 bytes in segments", `${"ab/".repeat(85)}a`],
    ["NUL", "a\0b"],
    ["a line feed", "a\nb"],
    ["a line feed at the end", "ab\n"],
    ["a carriage return", "a\rb"],
    ["escape", "a\u001bb"],
    ["a space", "a b"],
    ["a percent sign", "a%2fb"],
    ["a backslash", "a\\b"],
    ["a question mark", "a?b"],
    ["a hash", "a#b"],
    ["an asterisk", "a/*"],
    ["right-to-left override", "a\u202eb"],
    ["a lone surrogate", "a\ud800"],
    ["a composed letter", "caf\u00e9"],
    ["a decomposed letter", "cafe\u0301"],
    ["a full-width letter", "\uff41/b"],
    ["a zero-width joiner", "a\u200db"],
    ["a port without a path", "localhost:5000"],
    ["a port in a later segment", "a/localhost:5000"],
    ["an empty port", "localhost:/a"],
    ["a port of six digits", "localhost:500000/a"],
    ["a port that is no number", "localhost:http/a"],
    ["a scheme", "https://a/b"],
    ["a tag", "a/b:latest"],
    ["a digest", "a/b@sha256:00"],
  ])("%s: BAD_REPOSITORY_NAME", (_, name) => {
    expect(outcome(() => checkRepositoryName(name))).toBe("BAD_REPOSITORY_NAME");
  });

  it("two that differ in case are two", () => {
    expect([isRepositoryName("A/b"), isRepositoryName("a/b")]).toEqual([true, true]);
  });
});

describe("repository names of older servers", () => {
  const older = { older: true };

  it.each(["caf\u00e9/app", "a b/c", "\uff41/b", "a?b", "__proto__", "日本/語", "a/_b", "a:b/c"])(
    "%s is one",
    (name) => {
      expect(isRepositoryName(name, older)).toBe(true);
    },
  );

  it.each([
    ["nothing", ""],
    ["an empty segment", "a//b"],
    ["a slash in front", "/a"],
    ["a dot segment", "a/./b"],
    ["a dot-dot segment", "a/../b"],
    ["_trust", "a/_trust/b"],
    ["NUL", "a\0b"],
    ["a line feed", "a\nb"],
    ["DEL", "a\u007fb"],
    ["right-to-left override", "a\u202eb"],
    ["a line separator", "a\u2028b"],
    ["a lone surrogate", "a\ud800"],
    ["a private code point", "a\ue000"],
    ["an unassigned code point", "a\u0378"],
    ["a decomposed letter", "cafe\u0301"],
    ["an asterisk", "a/*"],
    ["more than 255 bytes in fewer characters", "\u00e9".repeat(128)],
  ])("%s: BAD_REPOSITORY_NAME", (_, name) => {
    expect(outcome(() => checkRepositoryName(name, older))).toBe("BAD_REPOSITORY_NAME");
  });
});

describe("roles", () => {
  it.each(["root", "targets", "snapshot", "timestamp"])("%s is a top role", (role) => {
    expect([isTopRole(role), isRole(role), isDelegatedRole(role)]).toEqual([true, true, false]);
  });

  it.each([
    "targets/a",
    "targets/releases",
    "targets/a/b/c",
    "targets/root",
    "targets/targets",
    "targets/-a_0-",
    "targets/__proto__",
    `targets/${Array(15).fill("a").join("/")}`,
    `targets/${"a".repeat(247)}`,
  ])("%s is a delegation", (role) => {
    expect([isDelegatedRole(role), isRole(role), isTopRole(role)]).toEqual([true, true, false]);
  });

  it.each([
    "",
    "mirrors",
    "Root",
    "ROOT",
    "root.json",
    "targets.json",
    "root\0",
    "root\n",
    " root",
    "root;x",
    "root/a",
    "snapshot/a",
    "../root",
    "..\\root",
    "/root",
    "targets/",
    "targets//a",
    "targets/a/",
    "targets/a//b",
    "targets/.",
    "targets/..",
    "targets/../root",
    "targets/a/../b",
    "targets/*",
    "targets/A",
    "targets/a.b",
    "targets/a b",
    "targets/é",
    "targets/a\n",
    "targets\\a",
    "targetsa/b",
    "xtargets/a",
    `targets/${Array(16).fill("a").join("/")}`,
    `targets/${"a".repeat(248)}`,
    ...inherited,
  ])("%j: BAD_ROLE_NAME", (role) => {
    expect(outcome(() => checkRole(role))).toBe("BAD_ROLE_NAME");
  });

  it("shows at most 64 characters of a name it refuses", () => {
    try {
      checkRole("x".repeat(1_000));
      expect.unreachable();
    } catch (error) {
      expect((error as { detail?: { given?: string } }).detail?.given).toBe("x".repeat(64));
    }
  });

  it.each([
    ["root", 1, undefined],
    ["targets", 1, undefined],
    ["targets/a", 2, "targets"],
    ["targets/a/b", 3, "targets/a"],
  ])("%s has depth %d and the parent %s", (role, depth, parent) => {
    expect([roleDepth(role), parentRole(role)]).toEqual([depth, parent]);
  });

  it.each([
    ["targets", true],
    ["targets/a", true],
    ["root", false],
    ["snapshot", false],
    ["timestamp", false],
    ["targets/A", false],
  ])("%s has targets metadata: %s", (role, expected) => {
    expect(isTargetsRole(role)).toBe(expected);
  });
});
