/** A bound on bytes that all requests of a process hold at one time. */
import { RefusedError } from "../core/errors.ts";

export class ByteBudget {
  readonly #most: number;
  #held = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Throws `OVERLOADED` if the bytes are not to be had now. */
  take(bytes: number): void {
    if (this.#held + bytes > this.#most) {
      throw new RefusedError(
        "OVERLOADED",
        "Too many large uploads at once: send this one again in a few seconds.",
      );
    }
    this.#held += bytes;
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }
}
