/**
 * Waiting for a change that any process may make: the question is asked again and again, of few who wait at one time.
 */
import { setTimeout as pause } from "node:timers/promises";
import { RefusedError } from "../core/errors.ts";

/** Who may wait at one time in this process. */
const most = 64;
/** Between two questions, in milliseconds. */
const interval = 250;

export class Waiting {
  #waiting = 0;
  #closed = false;

  /** Resolves once `hasChanged` says so, the time is up, or nobody waits any more. Throws `OVERLOADED`. */
  async until(
    hasChanged: () => Promise<boolean>,
    milliseconds: number,
    isOver: () => boolean,
  ): Promise<void> {
    if (this.#waiting >= most) {
      throw new RefusedError(
        "OVERLOADED",
        "Too many wait for proposals already: ask without wait, or again in a few seconds.",
      );
    }
    this.#waiting += 1;
    try {
      const end = performance.now() + milliseconds;
      for (let left = milliseconds; left > 0 && !this.#closed && !isOver(); left = end - performance.now()) {
        if (await hasChanged()) return;
        await pause(Math.min(interval, left));
      }
    } finally {
      this.#waiting -= 1;
    }
  }

  close(): void {
    this.#closed = true;
  }
}
