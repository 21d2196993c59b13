/**
 * How much is tried, and by what chance. `npm run test:faults -- --full` asks for ten times as much, `--seed NUMBER`
 * for the same choices again. The choices come back; what the scheduler of the machine does between them does not.
 */

export const full = process.env.VIDIMUS_FAULTS === "full";

/** How often something is tried: the small number, or ten times as many. */
export function times(usual: number): number {
  return full ? usual * 10 : usual;
}

/** For a test that is one story: the numbers of its runs, each with choices of its own if they go into its label. */
export const runs: readonly number[] = Array.from({ length: times(1) }, (_, i) => i + 1);

/** Set by the suite's configuration, which also prints it. */
export const seed = Number(process.env.VIDIMUS_SEED);

/** A stream of choices of its own for each label. */
export class Chance {
  #state: number;

  constructor(label: string, from = seed) {
    this.#state = [...label].reduce(
      (hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 16_777_619),
      from,
    );
  }

  /** 0 to below 1. */
  fraction(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.fraction() * (most - least + 1));
  }

  happens(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<const T>(all: readonly [T, ...T[]]): T {
    return all[this.between(0, all.length - 1)] ?? all[0];
  }
}
