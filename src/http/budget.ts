/**
 * A bound on the bytes that all uploads of a process hold at one time.
 *
 * When it is reached, an upload that stands still while it is read gives way to one that moves, and the largest of those
 * that are being read to one of less than half its size; only if there is none, the one that asks is sent away. So nobody
 * can keep the others out by sending most of a large upload and then waiting, or with a few that never end.
 */
import { RefusedError } from "../core/errors.ts";

/** What one upload holds. */
export interface Share {
  /** Throws `OVERLOADED` if the bytes are not to be had now, or were taken back. */
  take(bytes: number): void;
  /** The upload has arrived: from now on it keeps what it holds. */
  settle(): void;
  /** Gives everything back. */
  close(): void;
}

/** An upload of which nothing arrived for so many milliseconds stands still. */
const patience = 2_000;

interface Holder {
  held: number;
  movedAt: number;
  arriving: boolean;
  readonly giveWay: (error: RefusedError) => void;
}

export class ByteBudget {
  readonly #most: number;
  readonly #now: () => number;
  readonly #holders = new Set<Holder>();
  #held = 0;

  constructor(most: number, now: () => number = () => performance.now()) {
    this.#most = most;
    this.#now = now;
  }

  /** @param giveWay called when the upload gave way: its bytes were taken back */
  open(giveWay: (error: RefusedError) => void): Share {
    const holder: Holder = { held: 0, movedAt: this.#now(), arriving: true, giveWay };
    this.#holders.add(holder);
    return {
      take: (bytes) => this.#take(holder, bytes),
      settle: () => {
        holder.arriving = false;
      },
      close: () => this.#release(holder),
    };
  }

  #take(holder: Holder, bytes: number): void {
    holder.movedAt = this.#now();
    while (this.#held + bytes > this.#most) {
      const loser = this.#standingStill() ?? this.#farLargerThan(holder.held + bytes);
      if (loser === undefined) throw overloaded();
      this.#release(loser);
      loser.giveWay(overloaded());
    }
    if (!this.#holders.has(holder)) throw overloaded();
    holder.held += bytes;
    this.#held += bytes;
  }

  #standingStill(): Holder | undefined {
    const before = this.#now() - patience;
    return [...this.#holders].find(
      ({ arriving, held, movedAt }) => arriving && held > 0 && movedAt <= before,
    );
  }

  #farLargerThan(bytes: number): Holder | undefined {
    const arriving = [...this.#holders].filter(({ arriving, held }) => arriving && held > 2 * bytes);
    return arriving.reduce<Holder | undefined>(
      (largest, each) => (each.held > (largest?.held ?? 0) ? each : largest),
      undefined,
    );
  }

  #release(holder: Holder): void {
    if (!this.#holders.delete(holder)) return;
    this.#held -= holder.held;
  }
}

function overloaded(): RefusedError {
  return new RefusedError(
    "OVERLOADED",
    "Too many large uploads at once: send this one again in a few seconds.",
  );
}
