/** Tasks that must not overlap, by name: those of one name run one after the other, in the order they came. */
export class Queue {
  readonly #last = new Map<string, Promise<unknown>>();

  async run<T>(name: string, task: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name) ?? Promise.resolve();
    // Whether the one before succeeded is no business of the next.
    const mine = before.then(task, task);
    this.#last.set(name, mine);
    try {
      return await mine;
    } finally {
      if (this.#last.get(name) === mine) this.#last.delete(name);
    }
  }

  /** Resolves when everything that was asked for has ended. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#last.values());
  }
}
