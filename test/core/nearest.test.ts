import { describe, expect, it } from "vitest";
import { meant } from "../../src/core/nearest.ts";

const candidates = ["server", "servers", "version", "repositories", "key", "maxAge"];

describe("what was probably meant", () => {
  it.each([
    ["server", "server"],
    ["sever", "server"],
    ["Servers", "servers"],
    ["REPOSITORIES", "repositories"],
    ["repostiories", "repositories"],
    ["verson", "version"],
    ["kye", "key"],
    ["max", "maxAge"],
  ])("%j: %s", (name, guess) => {
    expect(meant(name, candidates)).toBe(`; did you mean ${guess}?`);
  });

  it("of equals is the first", () => {
    expect(meant("abc", ["abx", "aby"])).toBe("; did you mean abx?");
  });

  it.each(["", "v", "mirror", "serving", "__proto__"])(
    "is not guessed of %j; what there is is told",
    (name) => {
      expect(meant(name, candidates)).toBe(`; what can stand here is ${candidates.join(", ")}.`);
    },
  );

  it("is not told where there is nothing, or too much to list", () => {
    expect(meant("anything", [])).toBe(".");
    expect(
      meant(
        "anything",
        Array.from({ length: 9 }, (_, index) => `candidate-${index}`),
      ),
    ).toBe(".");
  });

  it("is sought with 200 characters of a name and no more", () => {
    const long = "a".repeat(200);
    expect(meant(`${long}${"b".repeat(1_000_000)}`, ["b".repeat(200), long])).toBe(`; did you mean ${long}?`);
  });
});
