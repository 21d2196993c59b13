import { beforeEach, describe, expect, it } from "vitest";
import type { RefusedError } from "../../src/core/errors.ts";
import { ByteBudget } from "../../src/http/budget.ts";

let now = 0;
let gaveWay: RefusedError[] = [];
const never = () => expect.unreachable();
const note = (error: RefusedError) => gaveWay.push(error);
const code = (task: () => void) => {
  try {
    task();
  } catch (error) {
    return (error as RefusedError).code;
  }
  return "taken";
};
const budgetOf = (most: number) => new ByteBudget(most, () => now);

beforeEach(() => {
  now = 0;
  gaveWay = [];
});

describe("a budget of bytes", () => {
  it("gives what it has, to the last byte", () => {
    const share = budgetOf(10).open(never);
    share.take(4);
    expect(code(() => share.take(6))).toBe("taken");
  });

  it("refuses what is beyond it, and holds no more for that", () => {
    const share = budgetOf(10).open(never);
    share.take(9);
    expect(code(() => share.take(2))).toBe("OVERLOADED");
    expect(code(() => share.take(1))).toBe("taken");
  });

  it("has again what was given back", () => {
    const budget = budgetOf(10);
    const first = budget.open(never);
    first.take(10);
    first.close();
    expect(code(() => budget.open(never).take(10))).toBe("taken");
  });

  it("has it once only, however often it is given back", () => {
    const budget = budgetOf(10);
    const first = budget.open(never);
    first.take(5);
    first.close();
    first.close();
    expect(code(() => budget.open(never).take(11))).toBe("OVERLOADED");
  });
});

describe("the largest upload that is being read", () => {
  it("gives way to one of less than half its size", () => {
    const budget = budgetOf(10);
    const [large, larger] = [budget.open(never), budget.open(note)];
    large.take(4);
    larger.take(6);
    expect(code(() => budget.open(never).take(1))).toBe("taken");
    expect(gaveWay.map((error) => error.code)).toEqual(["OVERLOADED"]);
  });

  it("stays when nobody is so much smaller, and once it has arrived", () => {
    const budget = budgetOf(10);
    const [large, arrived] = [budget.open(never), budget.open(never)];
    large.take(4);
    arrived.take(6);
    arrived.settle();
    expect(code(() => budget.open(never).take(2))).toBe("OVERLOADED");
  });
});

describe("an upload that stands still", () => {
  it("gives way to one that moves", () => {
    const budget = budgetOf(10);
    const standing = budget.open(note);
    standing.take(9);
    now = 2_000;
    expect(code(() => budget.open(never).take(5))).toBe("taken");
    expect(gaveWay.map((error) => error.code)).toEqual(["OVERLOADED"]);
    expect(code(() => standing.take(1))).toBe("OVERLOADED");
  });

  it("stays while it moves", () => {
    const budget = budgetOf(10);
    const moving = budget.open(never);
    moving.take(8);
    now = 1_999;
    moving.take(1);
    now = 3_998;
    expect(code(() => budget.open(never).take(5))).toBe("OVERLOADED");
  });

  it("stays once it has arrived, however long it is examined", () => {
    const budget = budgetOf(10);
    const arrived = budget.open(never);
    arrived.take(9);
    arrived.settle();
    now = 60_000;
    expect(code(() => budget.open(never).take(5))).toBe("OVERLOADED");
  });
});
