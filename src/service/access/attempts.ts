/**
 * Failed logins: whoever guesses has to wait, and nobody else.
 *
 * - Counted by name **and** address: after a few failures, that name from that address is refused for a time that doubles,
 *   without a look at the password. Who fails at somebody else's name from elsewhere does not lock its owner out.
 * - Counted by address: whoever tries many names from one place waits likewise.
 * - What counts as one address is for who asks to say: of IPv6 a caller has a whole network.
 * - Bounded: what is remembered of the longest ago gives way. Who has enough addresses to push others out has enough to
 *   guess from; what holds then is the price of each guess (`password.ts`).
 * - Of several processes one remembers for all (`remote/attempts.ts`), so that a guesser has no more tries where there are more.
 */
import { LRUCache } from "lru-cache";

export interface AttemptSettings {
  /** Failures that cost nothing yet, of one name from one address, and of all names from one address. */
  readonly freeOfName: number;
  readonly freeOfAddress: number;
  /** The first wait and the longest, in milliseconds. */
  readonly firstWait: number;
  readonly longestWait: number;
  readonly remembered: number;
}

export const defaultAttempts: AttemptSettings = {
  freeOfName: 5,
  freeOfAddress: 50,
  firstWait: 1_000,
  longestWait: 15 * 60_000,
  remembered: 20_000,
};

/** Where failures are remembered, as logins see it. */
export interface LoginWaits {
  /** Milliseconds that are known here at once; 0: nothing is. */
  waitOf(name: string, address: string, now: number): number;
  /**
   * What is known elsewhere, asked beside the look at the password. Absent: everything is known here. Never rejects; resolves
   * within `longestAsking` milliseconds, to 0 if nothing was heard.
   */
  readonly ask?: (name: string, address: string, now: number) => Promise<number>;
  /** Both return at once. */
  failed(name: string, address: string, now: number): void;
  succeeded(name: string, address: string): void;
}

/** So long a right password waits at most for one who does not answer, from the beginning of the look at it. */
export const longestAsking = 250;

interface Failures {
  readonly count: number;
  readonly until: number;
}

export class Attempts implements LoginWaits {
  readonly #settings: AttemptSettings;
  readonly #failures: LRUCache<string, Failures>;

  constructor(settings: AttemptSettings = defaultAttempts) {
    this.#settings = settings;
    this.#failures = new LRUCache({ max: settings.remembered });
  }

  /** Milliseconds that this name from this address has still to wait; 0: it may try. */
  waitOf(name: string, address: string, now: number): number {
    const places = [this.#failures.get(placeOf(name, address)), this.#failures.get(address)];
    return Math.max(0, ...places.map((each) => (each?.until ?? 0) - now));
  }

  failed(name: string, address: string, now: number): void {
    const { freeOfName, freeOfAddress } = this.#settings;
    this.#count(placeOf(name, address), freeOfName, now);
    this.#count(address, freeOfAddress, now);
  }

  /** A success ends the count of the name. That of the address stays: one who knows a password can guess others. */
  succeeded(name: string, address: string): void {
    this.#failures.delete(placeOf(name, address));
  }

  #count(place: string, free: number, now: number): void {
    const { firstWait, longestWait } = this.#settings;
    const before = this.#failures.get(place);
    // Who has been quiet for twice the longest wait begins anew.
    const isOld = before !== undefined && now - before.until > 2 * longestWait;
    const count = (isOld ? 0 : (before?.count ?? 0)) + 1;
    const wait = count < free ? 0 : Math.min(longestWait, firstWait * 2 ** Math.min(count - free, 30));
    this.#failures.set(place, { count, until: now + wait });
  }
}

/** No address has a space in it. */
function placeOf(name: string, address: string): string {
  return `${address} ${name.slice(0, 255)}`;
}
