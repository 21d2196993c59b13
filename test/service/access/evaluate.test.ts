import { describe, expect, it } from "vitest";
import {
  decide,
  type GrantedAction,
  isPersonName,
  matches,
  patternFault,
  scopeFault,
  subjectOf,
} from "../../../src/service/access/evaluate.ts";
import { grantedEntries, parseScope } from "../../../src/service/access/issuing.ts";

const scope = (pattern: string, ...actions: string[]) => ({ pattern, actions });
const may = (given: readonly ReturnType<typeof scope>[], action: GrantedAction, repository?: string) =>
  decide(given, action, repository).allowed;

describe("a pattern", () => {
  it.each([
    ["a/b", "a/b"],
    ["a/*", "a/b"],
    ["*/b", "a/b"],
    ["a/**", "a/b"],
    ["a/**", "a/b/c/d"],
    ["**/d", "a/b/c/d"],
    ["a/**/d", "a/b/c/d"],
    ["a/*/**/d", "a/b/c/d"],
    ["**", "a"],
    ["**", "a/b/c"],
    ["host:5000/a/*", "host:5000/a/b"],
  ])("%s has %s", (pattern, name) => {
    expect(matches(pattern, name)).toBe(true);
  });

  it.each([
    ["a/b", "a/bc"],
    ["a/b", "a/b/c"],
    ["a/b/c", "a/b"],
    ["a/b", "A/b"],
    ["a/*", "a"],
    ["a/*", "a/b/c"],
    ["a/**", "a"],
    ["a/**", "ab/c"],
    ["**/b", "b"],
    ["**/b", "a/ab"],
    ["a/**/d", "a/d"],
    ["*", "a/b"],
    ["a.c/x", "abc/x"],
    ["alpine", "docker.io/library/alpine"],
  ])("%s has not %s", (pattern, name) => {
    expect(matches(pattern, name)).toBe(false);
  });

  it.each(["", "/a", "a/", "a//b", "a*", "a/b*", "**/a/**", "a b", "a\u0000", "a".repeat(256)])(
    "is not %j",
    (text) => {
      expect(patternFault(text)).toBeTypeOf("string");
    },
  );
});

describe("a decision", () => {
  it.each<[GrantedAction, readonly string[]]>([
    ["pull", ["pull", "*"]],
    ["push", ["push", "*"]],
    ["propose", ["propose", "push", "*"]],
    ["*", ["*"]],
  ])("for %s is yes by %j and by no other action", (action, enough) => {
    for (const given of ["pull", "push", "propose", "*", "catalog", "audit"]) {
      expect(may([scope("**", given)], action, "a/b")).toBe(enough.includes(given));
    }
  });

  it.each<GrantedAction>(["catalog", "audit", "admin"])("for %s needs it, or admin, on **", (action) => {
    for (const given of ["pull", "*", "catalog", "audit", "admin"]) {
      expect(may([scope("**", given)], action)).toBe(given === action || given === "admin");
      expect(may([scope("a/**", given)], action)).toBe(false);
    }
  });

  it("adds up actions of several, each where its pattern is", () => {
    const given = [scope("a/*", "pull"), scope("a/b", "push")];
    expect(may(given, "push", "a/b")).toBe(true);
    expect(may(given, "push", "a/c")).toBe(false);
    expect(may(given, "pull", "a/c")).toBe(true);
  });

  it("of admin is yes to everything", () => {
    for (const action of ["pull", "push", "propose", "*"] as const) {
      expect(may([scope("**", "admin")], action, "any/name")).toBe(true);
    }
  });

  it("says by what, or what was near", () => {
    const [pull, push] = [scope("a/*", "pull"), scope("a/b", "push")];
    expect(decide([pull, push], "push", "a/b")).toEqual({ allowed: true, by: push });
    expect(decide([pull, push], "*", "a/b")).toEqual({ allowed: false, near: [pull, push] });
    expect(decide([pull, push], "pull", "b/b")).toEqual({ allowed: false, near: [] });
  });

  it("is no without a name where one is needed, and with one where none is", () => {
    expect(may([scope("**", "admin")], "pull")).toBe(false);
    expect(may([scope("**", "admin")], "admin", "a")).toBe(false);
  });
});

describe("what can be given", () => {
  it.each([
    scope("a"),
    scope("a", "delete"),
    scope("a", "admin"),
    scope("a/**", "pull", "audit"),
    scope("a*", "pull"),
  ])("is not %j", (given) => {
    expect(scopeFault(given)).toBeTypeOf("string");
  });
  it.each([scope("a", "pull"), scope("**", "admin"), scope("**", "catalog", "pull"), scope("a/*", "*")])(
    "is %j",
    (given) => {
      expect(scopeFault(given)).toBeUndefined();
    },
  );
});

describe("names", () => {
  it.each(["alice", "a", "Alice.B@example.test", "ci+main_2"])("can be %s", (name) => {
    expect(isPersonName(name)).toBe(true);
  });
  it.each(["", "-a", ".a", "a b", "a:b", "a/b", "é", "a\n", "a".repeat(129)])("cannot be %j", (name) => {
    expect(isPersonName(name)).toBe(false);
  });
  it("of subjects say whose they are", () => {
    expect(subjectOf("user:alice")).toEqual({ kind: "user", name: "alice" });
    expect(subjectOf("team:dev")).toEqual({ kind: "team", name: "dev" });
    expect(subjectOf("anyone")).toEqual({ kind: "anyone", name: "" });
    for (const text of ["alice", "user:", "group:a", "anyone:", "user:a b"])
      expect(subjectOf(text)).toBeUndefined();
  });
});

describe("scopes of the token protocol", () => {
  it("are taken apart at the first and the last colon", () => {
    expect(parseScope("repository:host:5000/a:pull,push")).toEqual({
      type: "repository",
      name: "host:5000/a",
      actions: ["pull", "push"],
    });
    for (const text of ["", "repository", "repository:a", ":a:pull", "repository::pull"]) {
      expect(parseScope(text)).toBeUndefined();
    }
  });

  it("give what is permitted of what was asked, and nothing else", () => {
    const wanted = [
      "repository:a/b:pull,push,*,delete",
      "repository:a:pull",
      "registry:catalog:*",
      "vidimus:server:admin,audit",
      "other:a/b:pull",
    ];
    const entries = (...given: readonly ReturnType<typeof scope>[]) =>
      grantedEntries(
        wanted.map((text) => parseScope(text) ?? { type: "", name: "", actions: [] }),
        given,
      );
    expect(entries()).toEqual([]);
    expect(entries(scope("a/b", "pull", "push"))).toEqual([
      { type: "repository", name: "a/b", actions: ["pull", "push"] },
    ]);
    expect(entries(scope("**", "catalog", "audit"))).toEqual([
      { type: "registry", name: "catalog", actions: ["*"] },
      { type: "vidimus", name: "server", actions: ["audit"] },
    ]);
    expect(entries(scope("**", "admin")).map(({ type, actions }) => [type, actions])).toEqual([
      ["repository", ["pull", "push", "*"]],
      ["repository", ["pull"]],
      ["registry", ["*"]],
      ["vidimus", ["admin", "audit"]],
    ]);
  });
});
