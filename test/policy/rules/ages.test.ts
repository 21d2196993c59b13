import { describe, expect, it } from "vitest";
import type { Json } from "../../../src/core/json.ts";
import { ageFinding, signedAtOf } from "../../../src/policy/rules/ages.ts";

const day = 86_400_000;
const at = Date.UTC(2026, 10, 24, 12);
const signed = (signedAt: Json) => ({ custom: { vidimus: { signedAt } } });
const signedOn = (instant: number) => signed(new Date(instant).toISOString());
const rule = { maxAge: 30 * day, unknownAge: "refuse" } as const;
const codeOf = (...args: Parameters<typeof ageFinding>) => ageFinding(...args)?.code;

describe("the signing date", () => {
  it("is an RFC 3339 date in the target's custom data", () => {
    expect(signedAtOf(signed("2026-11-24T12:00:00Z"))).toBe(at);
    expect(signedAtOf(signed("2026-11-24T13:00:00+01:00"))).toBe(at);
  });

  it.each<[Json | undefined]>([
    [undefined],
    [null],
    ["text"],
    [[]],
    [{}],
    [{ vidimus: null }],
    [{ vidimus: "2026-11-24T12:00:00Z" }],
    [{ vidimus: {} }],
    [{ signedAt: "2026-11-24T12:00:00Z" }],
  ])("is none in %j", (custom) => {
    expect(signedAtOf({ custom })).toBeUndefined();
  });

  it.each<[Json]>([
    [""],
    ["yesterday"],
    ["2026-11-24"],
    ["2026-02-30T12:00:00Z"],
    [at],
    [null],
    [true],
    [[]],
  ])("cannot be read from %j", (value) => {
    expect(signedAtOf(signed(value))).toBeNaN();
  });
});

describe("an age", () => {
  it("of exactly the allowed length passes, a millisecond more does not: SIGNATURE_TOO_OLD", () => {
    expect(codeOf(signedOn(at - rule.maxAge), rule, at)).toBeUndefined();
    expect(codeOf(signedOn(at - rule.maxAge - 1), rule, at)).toBe("SIGNATURE_TOO_OLD");
  });

  it("of less than nothing passes for a day, for clocks that differ: then SIGNATURE_DATE", () => {
    expect(codeOf(signedOn(at + day), rule, at)).toBeUndefined();
    expect(codeOf(signedOn(at + day + 1), rule, at)).toBe("SIGNATURE_DATE");
  });

  it("that nobody knows is SIGNATURE_DATE, unless it is allowed", () => {
    expect(codeOf({ custom: undefined }, rule, at)).toBe("SIGNATURE_DATE");
    expect(codeOf({ custom: undefined }, { ...rule, unknownAge: "allow" }, at)).toBeUndefined();
  });

  it("that cannot be read is SIGNATURE_DATE even where none would be allowed", () => {
    expect(codeOf(signed("soon"), { ...rule, unknownAge: "allow" }, at)).toBe("SIGNATURE_DATE");
  });

  it("is nobody's business without a rule", () => {
    expect(codeOf(signed("soon"), { maxAge: undefined, unknownAge: "refuse" }, at)).toBeUndefined();
  });
});
