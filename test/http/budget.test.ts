import { describe, expect, it } from "vitest";
import type { RefusedError } from "../../src/core/errors.ts";
import { ByteBudget } from "../../src/http/budget.ts";

describe("a budget of bytes", () => {
  it("gives what it has, to the last byte", () => {
    const budget = new ByteBudget(10);
    budget.take(4);
    expect(() => budget.take(6)).not.toThrow();
  });

  it("refuses what is beyond it, and holds no more for that", () => {
    const budget = new ByteBudget(10);
    budget.take(9);
    expect(() => budget.take(2)).toThrow(expect.objectContaining({ code: "OVERLOADED" }) as RefusedError);
    expect(() => budget.take(1)).not.toThrow();
  });

  it("has again what was given back", () => {
    const budget = new ByteBudget(10);
    budget.take(10);
    budget.give(3);
    expect(() => budget.take(3)).not.toThrow();
  });
});
