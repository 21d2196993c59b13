/**
 * Counts who was refused what, for the audit trail: in memory, and from there into the store every few seconds.
 *
 * - Counting never waits, never fails and writes nothing. One flush is one write, however much was refused.
 * - Bounded. Strangers, whom anybody can be as many of as he likes, have so many rows an hour; what finds no room is counted
 *   for nobody in particular (`several`), and so is what finds none in the store (`AuditStore.countRefusals`).
 * - Nothing that was sent is kept but names that this server knows (`RefusedCaller`): people type passwords where names belong.
 * - A crash loses what was not flushed. What may have been written is not written again: a count may be too low, never too high.
 */
import type { Logger } from "pino";
import { StoreError } from "../core/errors.ts";
import {
  type AuditStore,
  maxRefusedPrincipal,
  mostRefusalsAtOnce,
  type RefusalCount,
} from "../store/contract/audit.ts";
import type { Clock } from "./clock.ts";
import type { Principal } from "./principal.ts";

/** Who was refused, as far as it is known. */
export type RefusedCaller =
  | { readonly principal: Pick<Principal, "name" | "method"> }
  /** A name that somebody has here, given by one who did not prove to be that. */
  | { readonly claimed: string }
  /** Nothing but where it came from. */
  | { readonly address: string };

export interface RefusalCounter {
  /** Returns at once and never throws. */
  count(caller: RefusedCaller, code: string): void;
  /** Writes what was counted so far. Never rejects. */
  flush(): Promise<void>;
}

export interface RefusalParts {
  readonly store: { readonly audit: Pick<AuditStore, "countRefusals"> };
  readonly clock: Clock;
  readonly logger: Logger;
  /** Nothing is written: nothing is counted. */
  readonly closed: boolean;
}

const hour = 3_600_000;
/** Milliseconds between a first count and its flush. */
const patience = 5_000;
/** Rows with a name that wait at one time; the rest of what one write takes is for those without. */
const mostNamed = 700;
/** Strangers that are told apart within one hour. */
const mostStrangers = 200;
const several = "";

export class Refusals implements RefusalCounter {
  readonly #parts: RefusalParts;
  #rows = new Map<string, RefusalCount>();
  #strangers = { hour: 0, names: new Set<string>() };
  /** Counts for which there was not even a row without a name. */
  #lost = 0;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;
  #failing = false;

  constructor(parts: RefusalParts) {
    this.#parts = parts;
  }

  count(caller: RefusedCaller, code: string): void {
    const { clock, closed } = this.#parts;
    if (closed) return;
    const at = clock.now();
    const start = at - (at % hour);
    this.#add({ hour: start, principal: this.#nameOf(caller, start), code, count: 1 });
    this.#arm();
  }

  /** Who asks while one is under way waits for that, and for another. */
  async flush(): Promise<void> {
    await this.#flushing;
    this.#flushing ??= this.#write().finally(() => {
      this.#flushing = undefined;
    });
    await this.#flushing;
  }

  /** The last flush. What cannot be written now never will be. */
  async stop(): Promise<void> {
    await this.flush();
    clearTimeout(this.#timer);
    const left = [...this.#rows.values()].reduce((sum, { count }) => sum + count, this.#lost);
    if (left > 0) this.#parts.logger.warn({ refusals: left }, "refusals were not counted: the store is gone");
  }

  async #write(): Promise<void> {
    const { store, logger } = this.#parts;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const rows = [...this.#rows.values()];
    if (rows.length === 0) return;
    this.#rows = new Map();
    try {
      await store.audit.countRefusals(rows);
      this.#failing = false;
      const lost = this.#lost;
      this.#lost = 0;
      if (lost > 0) logger.warn({ refusals: lost }, "refusals found no room and were not counted");
    } catch (error) {
      if (!this.#failing) logger.error({ err: error }, "counting refusals failed; trying again");
      this.#failing = true;
      if (error instanceof StoreError && error.code === "COMMIT_UNKNOWN") return;
      for (const row of rows) this.#add(row);
      this.#arm();
    }
  }

  #arm(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => void this.flush(), patience);
    this.#timer.unref();
  }

  #add(row: RefusalCount): void {
    if (this.#rows.size < mostNamed || this.#rows.has(placeOf(row)) || row.principal === several) {
      this.#put(row);
    } else this.#put({ ...row, principal: several });
  }

  #put(row: RefusalCount): void {
    const place = placeOf(row);
    const before = this.#rows.get(place);
    if (before === undefined && this.#rows.size >= mostRefusalsAtOnce) this.#lost += row.count;
    else this.#rows.set(place, { ...row, count: (before?.count ?? 0) + row.count });
  }

  #nameOf(caller: RefusedCaller, start: number): string {
    if ("principal" in caller) {
      const { method, name } = caller.principal;
      return bounded(`${method} ${name}`);
    }
    const stranger = bounded("claimed" in caller ? `claimed ${caller.claimed}` : `address ${caller.address}`);
    return this.#isTold(stranger, start) ? stranger : several;
  }

  /** Whether this stranger is one of those that are told apart in this hour. */
  #isTold(stranger: string, start: number): boolean {
    if (this.#strangers.hour !== start) this.#strangers = { hour: start, names: new Set() };
    const { names } = this.#strangers;
    if (names.size < mostStrangers) names.add(stranger);
    return names.has(stranger);
  }
}

/** No code has a space in it. */
function placeOf({ hour: start, code, principal }: RefusalCount): string {
  return `${start} ${code} ${principal}`;
}

function bounded(name: string): string {
  return name.slice(0, maxRefusedPrincipal).toWellFormed();
}
