/** How property tests run. A failure prints its seed and the shrunk example; both go back in as `fc.assert` options. */
import type { Parameters } from "fast-check";

/** Runs of one property: `usual`, unless the environment says VIDIMUS_PROPERTY_RUNS. */
export function runs<T = unknown>(usual: number): Parameters<T> {
  const asked = Number(process.env.VIDIMUS_PROPERTY_RUNS);
  return { numRuns: Number.isSafeInteger(asked) && asked > 0 ? asked : usual };
}

/** Time limit of a property test in milliseconds: as long as whoever asks for many runs is ready to wait. */
export const propertyTimeout = 3_600_000;
