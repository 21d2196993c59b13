/**
 * Measuring on a machine that others use: what is compared runs in turns in the same round, so that whatever disturbs
 * one disturbs the other, and the ratio is taken within the round. Medians with the whole spread; nothing is thrown
 * away but one round before the first, which fills caches of the disk.
 *
 * All times in milliseconds.
 */
import { readFileSync } from "node:fs";

export interface Sample {
  readonly wall: number;
  /** User and system time, of the process or of the children it waited for. */
  readonly cpu: number;
}

export type Entrant<Kind extends Sample = Sample> = (round: number) => Promise<Kind>;

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** Runs every entrant once a round, each round in another order. */
export async function interleaved<Name extends string, Kind extends Sample>(
  rounds: number,
  entrants: Readonly<Record<Name, Entrant<Kind>>>,
): Promise<Record<Name, readonly Kind[]>> {
  const names = Object.keys(entrants) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as Kind[]])) as Record<Name, Kind[]>;
  for (let round = 0; round <= rounds; round++) {
    for (const index of names.keys()) {
      const name = names[(index + round) % names.length] as Name;
      const sample = await entrants[name](round);
      if (round > 0) samples[name].push(sample);
    }
  }
  return samples;
}

/** What a task takes in this process. */
export async function timed(task: () => Promise<unknown>): Promise<Sample> {
  const cpu = process.cpuUsage();
  const begun = performance.now();
  await task();
  const wall = performance.now() - begun;
  const { user, system } = process.cpuUsage(cpu);
  return { wall, cpu: (user + system) / 1_000 };
}

/** What a task takes that runs other programs and waits for them. Their CPU is known to 10 ms: sum it over rounds. */
export async function timedChildren(task: () => Promise<unknown>): Promise<Sample> {
  const cpu = childrenCpu();
  const begun = performance.now();
  await task();
  const wall = performance.now() - begun;
  return { wall, cpu: childrenCpu() - cpu };
}

/** Fields 16 and 17 of Linux's `stat`: ticks of children that were waited for. */
function childrenCpu(): number {
  const stat = readFileSync("/proc/self/stat", "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) * 10;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  if (low === undefined || high === undefined) throw new Error("nothing was measured");
  return { median: (low + high) / 2, least: sorted[0] ?? low, most: sorted.at(-1) ?? high };
}

export function wallOf(samples: readonly Sample[]): Spread {
  return spreadOf(samples.map(({ wall }) => wall));
}

/** Mean, since single values are coarse. */
export function cpuOf(samples: readonly Sample[]): number {
  return samples.reduce((sum, { cpu }) => sum + cpu, 0) / samples.length;
}

/** Milliseconds of CPU. */
export function cpuSpreadOf(samples: readonly Sample[]): Spread {
  return spreadOf(samples.map(({ cpu }) => cpu));
}

/** Both ratios of two entrants: by the clock round by round, and of their mean CPU. */
export function compared(slower: readonly Sample[], faster: readonly Sample[]) {
  return {
    unit: "times",
    measured: ratioOf(slower, faster),
    beside: cpuOf(slower) / cpuOf(faster),
  } as const;
}

/** Both ratios of two entrants whose CPU is known well: of CPU round by round, and by the clock (the median). */
export function comparedByCpu(slower: readonly Sample[], faster: readonly Sample[]) {
  return {
    unit: "times",
    measured: ratioOf(slower, faster, "cpu"),
    beside: ratioOf(slower, faster).median,
  } as const;
}

/** How many times as much the first took as the second, round by round. */
export function ratioOf(
  slower: readonly Sample[],
  faster: readonly Sample[],
  by: keyof Sample = "wall",
): Spread {
  return spreadOf(slower.map((sample, round) => sample[by] / (faster[round]?.[by] ?? Number.NaN)));
}
