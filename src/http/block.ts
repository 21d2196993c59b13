/** Bytes that arrive in pieces of any size, copied into one block: what it holds is at most twice what arrived. */
export class Block {
  #bytes: Buffer = Buffer.alloc(0);
  #length = 0;

  append(piece: Uint8Array): void {
    const length = this.#length + piece.length;
    if (length > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, this.#bytes.length * 2, 1_024));
      this.#bytes.copy(larger, 0, 0, this.#length);
      this.#bytes = larger;
    }
    this.#bytes.set(piece, this.#length);
    this.#length = length;
  }

  /** Exactly the bytes, in memory that nothing else shares: they may be kept for long. */
  take(): Buffer {
    const exact = Buffer.allocUnsafeSlow(this.#length);
    this.#bytes.copy(exact, 0, 0, this.#length);
    return exact;
  }
}
