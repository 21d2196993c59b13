/** What a run of the bench found: measurements, and goals held against them. */
import type { Spread } from "./measure.ts";

export interface Measurement {
  readonly what: string;
  readonly unit: "ms" | "MiB" | "times" | "requests";
  readonly value: Spread;
  /** Mean CPU in milliseconds, where it is known. */
  readonly cpu?: number;
}

export interface Goal {
  readonly goal: string;
  /** `times`: a ratio. */
  readonly unit: "times" | "ms" | "round trips";
  readonly measured: Spread;
  /** The same ratio of CPU, of the means, which other people's load disturbs less. */
  readonly cpu?: number;
  /** What the median must keep to. */
  readonly bound: { readonly atLeast: number } | { readonly atMost: number };
}

export interface Findings {
  readonly title: string;
  readonly measurements: readonly Measurement[];
  readonly goals: readonly Goal[];
}

export function isReached({ measured: { median }, bound }: Goal): boolean {
  return "atLeast" in bound ? median >= bound.atLeast : median <= bound.atMost;
}
