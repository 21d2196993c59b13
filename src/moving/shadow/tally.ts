/**
 * What was found, counted in full, told as far as somebody reads it, and remembered as far as there is room.
 *
 * Names come in their order, so what is told is the first of it, and the same each time.
 */
import type { Difference, DifferenceCode, Uncompared, UncomparedCode } from "./difference.ts";
import { mostOpen, type ShadowState } from "./state.ts";

type Open = ShadowState["open"][number];
type Since = { readonly since: number };

/** Differences, and repositories that were not compared, that are told with their sentences. */
export const mostTold = 1_000;

/** What one look at a repository has found. */
export type Found =
  | { readonly kind: "same" | "absent" | "excepted" }
  | { readonly kind: "differing"; readonly differences: readonly Difference[] }
  | { readonly kind: "uncompared"; readonly uncompared: Uncompared };

/** What came of a comparison. */
export interface Compared {
  /** By repository, the first `mostTold` of them; of each the root before what rests on it. */
  readonly differences: readonly (Difference & Since)[];
  readonly uncompared: readonly (Uncompared & Since)[];
  /** Repositories that were looked at, by what was found. `absent`: neither server has it, and none says otherwise; `excepted`: nobody looked. */
  readonly repositories: Readonly<Record<Found["kind"], number>>;
  /** How often each code was found, told or not. */
  readonly codes: ReadonlyMap<DifferenceCode | UncomparedCode, number>;
  /** Since when there is the difference that is there longest, in milliseconds since 1970. */
  readonly oldest: number | undefined;
}

export class Tally implements Compared {
  readonly differences: (Difference & Since)[] = [];
  readonly uncompared: (Uncompared & Since)[] = [];
  readonly repositories = { same: 0, differing: 0, absent: 0, uncompared: 0, excepted: 0 };
  readonly codes = new Map<DifferenceCode | UncomparedCode, number>();
  oldest: number | undefined;
  /** To be remembered, as far as there is room. */
  readonly open: Open[] = [];
  readonly #since: ReadonlyMap<string, number>;
  readonly #now: number;

  constructor(before: readonly Open[], now: number) {
    this.#since = new Map(before.map((each) => [keyOf(each), each.since]));
    this.#now = now;
  }

  add(repository: string, found: Found): void {
    this.repositories[found.kind] += 1;
    if (found.kind === "uncompared") {
      const since = this.#remember(found.uncompared);
      if (this.uncompared.length < mostTold) this.uncompared.push({ ...found.uncompared, since });
    } else if (found.kind === "differing") {
      for (const each of found.differences) {
        const since = this.#remember({ ...each, repository });
        this.oldest = Math.min(this.oldest ?? since, since);
        if (this.differences.length < mostTold) this.differences.push({ ...each, since });
      }
    }
  }

  #remember({ repository, role, code }: Omit<Open, "since">): number {
    const named = { repository, ...(role !== undefined && { role }), code };
    const since = this.#since.get(keyOf(named)) ?? this.#now;
    this.codes.set(code, (this.codes.get(code) ?? 0) + 1);
    if (this.open.length < mostOpen) this.open.push({ ...named, since });
    return since;
  }
}

function keyOf({ repository, role = "", code }: Omit<Open, "since">): string {
  return `${repository}\n${role}\n${code}`;
}
