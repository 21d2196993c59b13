import { expect, it } from "vitest";
import { instant, inWords } from "../../src/policy/durations.ts";

it.each([
  [0, "0 seconds"],
  [-5, "0 seconds"],
  [1_000, "1 second"],
  [90_000, "90 seconds"],
  [1_800_000, "30 minutes"],
  [3_600_000, "1 hour"],
  [43_200_000, "12 hours"],
  [86_400_000, "1 day"],
  [100_000_000, "27 hours"],
  [15_552_000_000, "180 days"],
])("%d ms are %s", (milliseconds, words) => {
  expect(inWords(milliseconds)).toBe(words);
});

it("an instant is a date and a time without seconds", () => {
  expect(instant(Date.UTC(2026, 10, 24, 12, 5, 59))).toBe("2026-11-24 12:05 UTC");
});
