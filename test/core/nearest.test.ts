import { describe, expect, it } from "vitest";
import { nearest } from "../../src/core/nearest.ts";

const candidates = ["server", "servers", "version", "repositories"];

describe("what was probably meant", () => {
  it.each([
    ["server", "server"],
    ["sever", "server"],
    ["Servers", "servers"],
    ["REPOSITORIES", "repositories"],
    ["repostiories", "repositories"],
    ["verson", "version"],
    ["", "server"],
  ])("%j: %s", (name, meant) => {
    expect(nearest(name, candidates)).toBe(meant);
  });

  it("of equals is the first", () => {
    expect(nearest("ab", ["ax", "ay"])).toBe("ax");
  });

  it("of one is that one", () => {
    expect(nearest("anything", ["only"])).toBe("only");
  });

  it("looks at 200 characters of a name and no more", () => {
    const long = "a".repeat(200);
    expect(nearest(`${long}${"b".repeat(1_000_000)}`, ["b".repeat(200), long])).toBe(long);
  });
});
