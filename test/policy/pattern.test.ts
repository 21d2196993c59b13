import { describe, expect, it } from "vitest";
import {
  capture,
  compareSpecificity,
  fill,
  type Pattern,
  parsePattern,
  starsOf,
} from "../../src/policy/pattern.ts";

function pattern(text: string): Pattern {
  const result = parsePattern(text);
  if (typeof result === "string") throw new Error(`${text}: ${result}`);
  return result;
}

describe("a pattern is written for the full name", () => {
  it.each([
    ["nginx", "docker.io/library/nginx"],
    ["docker.io/nginx", "docker.io/library/nginx"],
    ["index.docker.io/nginx", "docker.io/library/nginx"],
    ["docker.io/library/nginx", "docker.io/library/nginx"],
    ["library/*", "docker.io/library/*"],
    ["docker.io/*", "docker.io/library/*"],
    ["docker.io/**", "docker.io/**"],
    ["team/app", "docker.io/team/app"],
    ["index.docker.io/team/*", "docker.io/team/*"],
    ["localhost/app", "localhost/app"],
    ["registry.example.test/app", "registry.example.test/app"],
    ["registry:5000/app", "registry:5000/app"],
    ["[::1]:5000/app", "[::1]:5000/app"],
    ["Registry/app", "Registry/app"],
    ["REGISTRY.example.test:443/app", "registry.example.test:443/app"],
    ["*/app", "*/app"],
    ["**", "**"],
    ["**/app", "**/app"],
  ])("%s is %s", (text, full) => {
    expect(pattern(text).segments.join("/")).toBe(full);
  });
});

describe("no pattern", () => {
  it.each([
    "",
    "a".repeat(256),
    "/a",
    "a/",
    "a//b",
    "a*",
    "a/b*",
    "a/***",
    "**/**",
    "a/**/b/**",
    "nginx:1.25",
    "team/app:latest",
    "registry.example.test/app:1",
    "nginx@sha256:00",
    "team/ app",
    "team/_trust",
    "team/..",
    "https://registry.example.test/app",
    "registry.example.test:/app",
    "team/app\n",
  ])("%j", (text) => {
    expect(typeof parsePattern(text)).toBe("string");
  });
});

describe("a pattern matches", () => {
  it.each([
    ["registry.example.test/*", "registry.example.test/app", ["app"]],
    ["registry.example.test/**", "registry.example.test/app", ["app"]],
    ["registry.example.test/**", "registry.example.test/a/b/c", ["a/b/c"]],
    ["*/team/*", "registry.example.test/team/app", ["registry.example.test", "app"]],
    ["**/app", "registry.example.test/team/app", ["registry.example.test/team"]],
    ["registry.example.test/**/*", "registry.example.test/a/b/c", ["a/b", "c"]],
    ["**", "docker.io/library/nginx", ["docker.io/library/nginx"]],
    ["nginx", "docker.io/library/nginx", []],
    ["registry.example.test/app", "Registry.example.test/app", []],
    ["REGISTRY.example.test/**", "registry.example.test/app", ["app"]],
    ["registry.example.test/**", "registry.example.test:443/a/b", ["a/b"]],
    ["registry.example.test:443/**", "registry.example.test/a/b", ["a/b"]],
    ["Registry/*", "registry:443/app", ["app"]],
    ["docker.io/library/*", "DOCKER.IO:443/nginx", ["nginx"]],
    ["*/app", "registry.example.test:443/app", ["registry.example.test:443"]],
  ])("%s: %s", (text, name, captured) => {
    expect(capture(pattern(text), name)).toEqual(captured);
  });
});

describe("a pattern does not match", () => {
  it.each([
    ["registry.example.test/*", "registry.example.test/a/b"],
    ["registry.example.test/*", "registry.example.test"],
    ["registry.example.test/**", "registry.example.test"],
    ["registry.example.test/**/*", "registry.example.test/a"],
    ["registry.example.test/**", "registry.example.test:5000/a"],
    ["registry.example.test/app", "registry.example.test/apps"],
    ["a/registry.example.test", "a/REGISTRY.example.test"],
    ["nginx", "docker.io/team/nginx"],
    ["*", "docker.io/library/nginx"],
  ])("%s: %s", (text, name) => {
    expect(capture(pattern(text), name)).toBeUndefined();
  });
});

describe("what is more specific", () => {
  it.each([
    ["docker.io/library/nginx", "docker.io/library/*"],
    ["docker.io/library/*", "docker.io/**"],
    ["docker.io/*/*", "docker.io/**"],
    ["docker.io/team/**", "docker.io/*/*"],
    ["docker.io/**", "**"],
    ["*/*/*", "**"],
    ["*/*", "*/**"],
  ])("%s before %s", (more, less) => {
    expect(compareSpecificity(pattern(more), pattern(less))).toBeGreaterThan(0);
    expect(compareSpecificity(pattern(less), pattern(more))).toBeLessThan(0);
  });

  it("neither, with as many names and stars", () => {
    expect(compareSpecificity(pattern("*/team/app"), pattern("docker.io/*/app"))).toBe(0);
  });
});

it("stars that were captured fill another pattern in their order", () => {
  const captured = capture(pattern("mirror.example.test/*/**"), "mirror.example.test/team/a/b") ?? [];
  expect(fill(pattern("registry.example.test/*/x/**"), captured)).toBe("registry.example.test/team/x/a/b");
});

it("the stars of a pattern are listed in their order", () => {
  expect(starsOf(pattern("*/a/**/*"))).toEqual(["*", "**", "*"]);
});
