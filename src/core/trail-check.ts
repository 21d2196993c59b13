/**
 * Whether a trail extends earlier heads: its hashes are made again from the first entry on, and at the number of each head
 * the hash must be the head's. A trail that was recomputed from any entry on has another there, and one that was cut off
 * does not get so far.
 */
import { type ChainedRecord, entryHash, startOfTrail } from "./audit-chain.ts";
import type { TrailHead } from "./audit-head.ts";

export interface TrailFault {
  /** `gap`, `altered`: of the trail in itself. `rewritten`, `truncated`: against a head. */
  readonly kind: "gap" | "altered" | "rewritten" | "truncated";
  /** Of the entry that is missing or another. */
  readonly number: number;
  /** The head that it does not extend. */
  readonly head?: TrailHead;
}

export interface ChainedEntry extends ChainedRecord {
  readonly number: number;
  readonly hash: string;
}

export class TrailCheck {
  readonly #heads: readonly TrailHead[];
  #number = 0;
  #hash = startOfTrail;
  #fault: TrailFault | undefined;

  constructor(heads: readonly TrailHead[]) {
    this.#heads = [...heads].sort((a, b) => a.number - b.number);
  }

  get number(): number {
    return this.#number;
  }

  get hash(): string {
    return this.#hash;
  }

  /** The next entries. False: a fault was found, and further ones say nothing. */
  add(entries: readonly ChainedEntry[]): boolean {
    for (const entry of entries) this.#fault ??= this.#faultOf(entry);
    return this.#fault === undefined;
  }

  /** After the last entry: the first fault. */
  finish(): TrailFault | undefined {
    const head = this.#heads.find(({ number }) => number > this.#number);
    return this.#fault ?? (head && { kind: "truncated", number: this.#number + 1, head });
  }

  #faultOf(entry: ChainedEntry): TrailFault | undefined {
    const number = this.#number + 1;
    if (entry.number !== number) return { kind: "gap", number };
    const hash = entryHash(this.#hash, entry);
    const head = this.#heads.find((each) => each.number === number && each.hash !== hash);
    if (head !== undefined) return { kind: "rewritten", number, head };
    if (hash !== entry.hash) return { kind: "altered", number };
    this.#number = number;
    this.#hash = hash;
    return undefined;
  }
}
