/**
 * How often somebody may do something in a minute. Counted in windows that begin with the first of each, for at most so
 * many at one time: whoever came longest ago is forgotten first.
 */
import { isIPv6 } from "node:net";
import { LRUCache } from "lru-cache";

const minute = 60_000;
const most = 20_000;

interface Window {
  readonly begun: number;
  count: number;
}

export class Rate {
  readonly #limit: number;
  readonly #windows = new LRUCache<string, Window>({ max: most });

  /** `limit`: 0 is no limit. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether it was done as often as is allowed. Counts nothing. */
  isReached(who: string, at: number): boolean {
    return this.secondsOf(who, at) > 0;
  }

  /** Whole seconds until it may be done again; 0: it may be done now. Counts nothing. */
  secondsOf(who: string, at: number): number {
    const window = this.#windows.get(who);
    const isFull =
      this.#limit > 0 && window !== undefined && isOpen(window, at) && window.count >= this.#limit;
    return isFull ? Math.ceil((window.begun + minute - at) / 1_000) : 0;
  }

  count(who: string, at: number): void {
    if (this.#limit === 0) return;
    const window = this.#windows.get(who);
    if (window !== undefined && isOpen(window, at)) window.count++;
    else this.#windows.set(who, { begun: at, count: 1 });
  }
}

/** A clock that was set back ends a window, too. */
function isOpen({ begun }: Window, at: number): boolean {
  return at >= begun && at - begun < minute;
}

/** Who has an address: an IPv6 caller has the whole network of 64 bits. */
export function holderOf(address: string): string {
  if (!isIPv6(address) || address.includes(".")) return address;
  const [head = "", tail] = address.split("%", 1)[0]?.split("::") ?? [];
  const groups = head === "" ? [] : head.split(":");
  const behind = tail === undefined || tail === "" ? [] : tail.split(":");
  while (tail !== undefined && groups.length + behind.length < 8) groups.push("0");
  return [...groups, ...behind]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}
