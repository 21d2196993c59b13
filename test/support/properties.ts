/**
 * How property tests run. Each run prints its seed before it begins; a failure prints the shrunk example as well. Both
 * go back in: the seed as VIDIMUS_SEED, the path as an option of `fc.assert`.
 */
import { randomInt } from "node:crypto";
import type { Parameters } from "fast-check";

/** Runs of one property: `usual`, unless the environment says VIDIMUS_PROPERTY_RUNS. */
export function runs<T = unknown>(usual: number): Parameters<T> {
  const numRuns = wholeNumber(process.env.VIDIMUS_PROPERTY_RUNS) ?? usual;
  const seed = wholeNumber(process.env.VIDIMUS_SEED) ?? randomInt(2 ** 31 - 1);
  console.info(`${numRuns} runs, VIDIMUS_SEED=${seed}`);
  return { numRuns, seed };
}

function wholeNumber(text: string | undefined): number | undefined {
  const value = Number(text);
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}

/** Time limit of a property test in milliseconds: as long as whoever asks for many runs is ready to wait. */
export const propertyTimeout = 3_600_000;
