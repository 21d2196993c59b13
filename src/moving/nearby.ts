/** Files that were just read, since what is before is more like them than like the rest. */
export class Nearby {
  readonly #files = new Map<string, Buffer>();
  readonly #most: number;
  #bytes = 0;

  /** @param most bytes that are kept when a set was read */
  constructor(most: number) {
    this.#most = most;
  }

  get(key: string): Buffer | undefined {
    return this.#files.get(key);
  }

  set(key: string, bytes: Buffer): void {
    this.#files.set(key, bytes);
    this.#bytes += bytes.length;
  }

  trim(): void {
    if (this.#bytes <= this.#most && this.#files.size <= 1_000) return;
    this.#files.clear();
    this.#bytes = 0;
  }
}
