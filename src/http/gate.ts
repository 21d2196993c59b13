/** A bound on how many pieces of work are under way at one time. Who comes when it is reached is sent away. */
import { RefusedError } from "../core/errors.ts";

export class Gate {
  readonly #most: number;
  #under = 0;

  readonly #sentence: string;

  constructor(most: number, sentence = "Too many uploads at once: send this one again in a few seconds.") {
    this.#most = most;
    this.#sentence = sentence;
  }

  /** Throws `OVERLOADED`, before the work has begun. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#under >= this.#most) {
      throw new RefusedError("OVERLOADED", this.#sentence);
    }
    this.#under += 1;
    try {
      return await work();
    } finally {
      this.#under -= 1;
    }
  }
}
