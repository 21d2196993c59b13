/** Rows and goals as all parts of the server's bench write them: values are of CPU, the clock stands beside. */
import { comparedByCpu, type Sample, spreadOf, wallOf } from "../measure.ts";
import type { Goal, Measurement } from "../results.ts";

/** Microseconds of CPU, and how many a second. */
export function row(what: string, samples: readonly Sample[]): Measurement {
  const value = spreadOf(samples.map(({ cpu }) => cpu * 1_000));
  return { what, unit: "µs", value, beside: 1_000 / wallOf(samples).median };
}

/** Nothing where one of the two was not measured. */
export function ratioGoal(
  goal: string,
  slower: readonly Sample[] | undefined,
  faster: readonly Sample[] | undefined,
  bound: Goal["bound"],
): Goal[] {
  if (slower === undefined || faster === undefined) return [];
  return [{ goal, ...comparedByCpu(slower, faster), bound }];
}

/** Median and spread of a part of the samples, in milliseconds. */
export function milliseconds(what: string, values: readonly number[]): Measurement {
  return { what, unit: "ms", value: spreadOf(values) };
}
