import { describe, expect, it } from "vitest";
import { findTarget } from "../../src/core/delegation.ts";
import { notary } from "../../src/core/format/notary.ts";
import type { TargetFile, Targets } from "../../src/core/model.ts";

/** A role: names it lists, and its children with their paths, in order. */
type Sketch = Readonly<Record<string, { names?: string[]; children?: [string, string[]][] }>>;

function tree(sketch: Sketch): ReadonlyMap<string, Targets> {
  return new Map(
    Object.entries(sketch).map(([role, { names = [], children = [] }]) => {
      const files = new Map(names.map((name) => [name, fileOf(role)]));
      const targets: Targets = {
        kind: "targets",
        version: 1,
        expires: 0,
        size: files.size,
        targetNames: () => files.keys(),
        target: (name) => files.get(name),
        delegations: children.map(([child, paths]) => ({
          role: child,
          paths,
          keys: new Map(),
          threshold: 1,
        })),
      };
      return [role, targets];
    }),
  );
}

function fileOf(role: string): TargetFile {
  return { length: role.length, hashes: new Map([["sha256", role]]), custom: undefined };
}

const found = (sketch: Sketch, name: string, start = "targets", paths?: string[]) =>
  findTarget(notary, tree(sketch), start, name, paths).map(({ role }) => role);

describe("who is asked first", () => {
  const both: Sketch = {
    targets: {
      children: [
        ["targets/a", [""]],
        ["targets/b", [""]],
      ],
    },
    "targets/a": { names: ["x"], children: [["targets/a/c", [""]]] },
    "targets/b": { names: ["x", "y"] },
    "targets/a/c": { names: ["x", "y", "z"] },
  };

  it("a parent before its children", () => {
    const sketch = { ...both, targets: { ...both.targets, names: ["x"] } };
    expect(found(sketch, "x")).toEqual(["targets", "targets/a", "targets/b", "targets/a/c"]);
  });

  it("siblings in file order, breadth before depth", () => {
    expect(found(both, "y")).toEqual(["targets/b", "targets/a/c"]);
  });

  it("the entry of the first role is the one that counts", () => {
    const [first] = findTarget(notary, tree(both), "targets", "x");
    expect(first).toEqual({ role: "targets/a", target: fileOf("targets/a") });
  });

  it("through roles that have no such target", () => {
    expect(found(both, "z")).toEqual(["targets/a/c"]);
  });

  it("from a role in the middle", () => {
    expect(found(both, "y", "targets/a")).toEqual(["targets/a/c"]);
  });

  it("nobody, if no role has it", () => {
    expect(found(both, "w")).toEqual([]);
  });

  it("nobody, if the start is not there", () => {
    expect(found(both, "x", "targets/none")).toEqual([]);
  });
});

describe("paths", () => {
  const under = (paths: string[], childPaths: string[] = [""]): Sketch => ({
    targets: { children: [["targets/a", paths]] },
    "targets/a": { names: ["qa/x", "rc/x", "x", ""], children: [["targets/a/b", childPaths]] },
    "targets/a/b": { names: ["qa/x", "qa/deep/x", "other"] },
  });

  it.each<[string, string[], string, boolean]>([
    ["cover what begins with them", ["qa/"], "qa/x", true],
    ["cover nothing else", ["qa/"], "rc/x", false],
    ["any one suffices", ["qa/", "rc/"], "rc/x", true],
    ["the empty one covers everything", [""], "x", true],
    ["the empty one covers the empty name", [""], "", true],
    ["none covers nothing", [], "x", false],
    ["are no globs", ["*"], "x", false],
    ["are no globs across a slash", ["qa/*"], "qa/x", false],
    ["half a segment is a prefix", ["q"], "qa/x", true],
    ["are case-sensitive", ["QA/"], "qa/x", false],
  ])("%s", (_, paths, name, expected) => {
    expect(found(under(paths), name).includes("targets/a")).toBe(expected);
  });

  it.each<[string, string[], string[], string, boolean]>([
    ["a narrower child", ["qa/"], ["qa/deep/"], "qa/deep/x", true],
    ["the same", ["qa/"], ["qa/"], "qa/x", true],
    ["a wider child leaves nothing", ["qa/"], [""], "qa/x", false],
    ["a child beside it leaves nothing", ["qa/"], ["other"], "other", false],
    ["those of a child's paths that fit", ["qa/"], ["", "qa/deep/"], "qa/deep/x", true],
    ["those that do not fit are dropped", ["qa/"], ["", "qa/deep/"], "qa/x", false],
    ["no paths above", [], [""], "qa/x", false],
  ])("of a grandchild: %s", (_, parent, child, name, expected) => {
    expect(found(under(parent, child), name).includes("targets/a/b")).toBe(expected);
  });

  it("of the start can be given", () => {
    expect(found({ targets: { names: ["x", "y"] } }, "x", "targets", ["y"])).toEqual([]);
  });
});

describe("what cannot be had", () => {
  it("a missing role hides its children", () => {
    const sketch: Sketch = {
      targets: { children: [["targets/a", [""]]] },
      "targets/a/b": { names: ["x"] },
    };
    expect(found(sketch, "x")).toEqual([]);
  });
});

describe("odd graphs end", () => {
  it("a role that delegates to itself is visited once", () => {
    expect(found({ targets: { names: ["x"], children: [["targets", [""]]] } }, "x")).toEqual(["targets"]);
  });

  it("a circle is walked once", () => {
    const sketch: Sketch = {
      targets: { children: [["targets/a", [""]]] },
      "targets/a": { names: ["x"], children: [["targets/b", [""]]] },
      "targets/b": { names: ["x"], children: [["targets/a", [""]]] },
    };
    expect(found(sketch, "x")).toEqual(["targets/a", "targets/b"]);
  });

  it("a thousand children with the same name in all", () => {
    const names = Array.from({ length: 1_000 }, (_, i) => `targets/r${i}`);
    const sketch: Sketch = {
      targets: { children: names.map((role) => [role, [""]]) },
      ...Object.fromEntries(names.map((role) => [role, { names: ["x"] }])),
    };
    expect(found(sketch, "x")).toEqual(names);
  });
});

it.each(["__proto__", "constructor", "toString"])("a target called %s is never inherited", (name) => {
  const bytes = Buffer.from(
    '{"signed":{"_type":"Targets","expires":"2030-01-01T00:00:00Z","targets":{},"version":1},"signatures":[]}',
  );
  const roles = new Map([["targets", notary.parse("targets", bytes).signed as Targets]]);
  expect(findTarget(notary, roles, "targets", name)).toEqual([]);
});
