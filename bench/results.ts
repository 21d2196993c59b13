/** What a run of a bench found: measurements, and goals held against them. */
import type { Spread } from "./measure.ts";

export interface Measurement {
  readonly what: string;
  readonly unit: "ms" | "µs" | "MiB" | "times" | "requests" | "%";
  readonly value: Spread;
  /** What `besides` says of measurements, where it is known. */
  readonly beside?: number;
}

export interface Goal {
  readonly goal: string;
  /** `times`: a ratio. */
  readonly unit: "times" | "ms" | "MiB" | "round trips";
  readonly measured: Spread;
  /** What `besides` says of goals, where it is known. */
  readonly beside?: number;
  /** What the median must keep to. */
  readonly bound: { readonly atLeast: number } | { readonly atMost: number };
}

export interface Findings {
  readonly title: string;
  /** What the values are: times by the clock, or of CPU, which other people's load disturbs less. */
  readonly judgedBy: "clock" | "CPU";
  readonly measurements: readonly Measurement[];
  readonly goals: readonly Goal[];
  /** What a reader of the numbers must know: what is missing, what was not asked. */
  readonly notes?: readonly string[];
}

/** What stands beside the values, by what they are. */
export const besides = {
  clock: { measurement: "CPU", goal: "of CPU" },
  CPU: { measurement: "a second", goal: "by the clock" },
} as const;

export function isReached({ measured: { median }, bound }: Goal): boolean {
  return "atLeast" in bound ? median >= bound.atLeast : median <= bound.atMost;
}
