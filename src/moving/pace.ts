/** How fast a source is asked: not more requests a second than it was said to bear. */
import { setTimeout } from "node:timers/promises";

export interface Pace {
  /** Resolves when the next request may go out. Rejects once `signal` fires. */
  turn(signal?: AbortSignal): Promise<void>;
}

/** `perSecond`: above 0. `now`: milliseconds of a clock that never goes back. */
export function paceOf(perSecond: number, now: () => number = () => performance.now()): Pace {
  const distance = 1_000 / perSecond;
  let next = now();
  return {
    async turn(signal) {
      const at = Math.max(next, now());
      next = at + distance;
      const wait = at - now();
      if (wait > 0) await setTimeout(wait, undefined, signal && { signal });
    },
  };
}
