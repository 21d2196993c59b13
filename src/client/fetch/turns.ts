/** So many at a time, the others in the order they came. Who is called off while waiting leaves the queue. */
import { reasonOf } from "./within.ts";

export class Turns {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (signal.aborted) throw reasonOf(signal);
    if (this.#free > 0) this.#free--;
    else await this.#wait(signal);
    try {
      return await work();
    } finally {
      this.#next();
    }
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = () => {
        signal.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.delete(begin);
        reject(reasonOf(signal));
      };
      signal.addEventListener("abort", leave, { once: true });
      this.#waiting.add(begin);
    });
  }

  /** The turn goes straight to the next in the queue. */
  #next(): void {
    const [begin] = this.#waiting;
    if (begin === undefined) {
      this.#free++;
      return;
    }
    this.#waiting.delete(begin);
    begin();
  }
}
