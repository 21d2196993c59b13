/**
 * Delivers what waits in the outbox, each announcement to each receiver, until it was heard or given up.
 *
 * Deliveries are claimed one by one from the store, so any number of processes may share the work, and what a process was
 * at when it died is taken up when its claim ends. So a receiver may hear one thing twice, under the same ID.
 *
 * A failure is tried again after a pause that grows, over about three days; then the delivery is dead, which is counted
 * and said in the log. A receiver that is not configured any more hears nothing: what waits for it is dead.
 */
import type { Logger } from "pino";
import type { Delivery, OutboxStore } from "../../store/contract/outbox.ts";
import { workOnClaims } from "../claims.ts";
import type { Clock } from "../clock.ts";
import type { Receiver } from "./receiver.ts";

export interface DeliveryParts {
  readonly outbox: OutboxStore;
  readonly receivers: readonly Receiver[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often to look, in milliseconds. */
  readonly interval: number;
}

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** Before the second attempt, the third, and so on. */
export const pauses: readonly number[] = [
  5 * second,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
];

/** Claimed per look, and how long a claim holds: far longer than receivers may take. */
const batch = 16;
const lease = 3 * minute;
/** Deliveries that are under way at one time. */
const atOnce = 8;
/** How long the ID of what was told is remembered: longer than anybody announces the same thing again. */
const remembered = 400 * 24 * hour;
const forgottenAtOnce = 500;

export class DeliveryJob {
  readonly #parts: DeliveryParts;
  readonly #receivers: ReadonlyMap<string, Receiver>;
  #timer: NodeJS.Timeout | undefined;
  #look: Promise<void> = Promise.resolve();
  #looking = false;
  #again = false;
  #stopped = true;
  #failing = false;

  constructor(parts: DeliveryParts) {
    this.#parts = parts;
    this.#receivers = new Map(parts.receivers.map((each) => [each.name, each]));
  }

  start(): void {
    this.#stopped = false;
    this.wake();
    this.#timer = setInterval(() => this.wake(), this.#parts.interval);
    this.#timer.unref();
  }

  /** Ends when what is under way has ended. What waits goes on waiting. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#look;
  }

  /** Looks now, or once more after the look that is under way. */
  wake(): void {
    if (this.#stopped) return;
    if (this.#looking) {
      this.#again = true;
      return;
    }
    this.#looking = true;
    this.#look = this.#deliver().finally(() => {
      this.#looking = false;
      if (!this.#again) return;
      this.#again = false;
      this.wake();
    });
  }

  /** Never rejects. */
  async #deliver(): Promise<void> {
    const { outbox, clock, logger } = this.#parts;
    try {
      await workOnClaims({
        claim: (limit) => {
          const now = clock.now();
          return outbox.claim({ now, leaseUntil: now + lease, limit });
        },
        batch,
        atOnce,
        isStopped: () => this.#stopped,
        work: (delivery) => this.#tell(delivery),
      });
      if (!this.#stopped) {
        await outbox.forget({ settledBefore: clock.now() - remembered, limit: forgottenAtOnce });
      }
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) logger.error({ err: error }, "the outbox cannot be used; trying again");
      this.#failing = true;
    }
  }

  async #tell(delivery: Delivery): Promise<void> {
    const { outbox, clock, logger } = this.#parts;
    const { number, receiver: name, attempts, id, type } = delivery;
    const receiver = this.#receivers.get(name);
    const outcome =
      receiver === undefined
        ? ({ kind: "gone", why: "this receiver is not configured any more" } as const)
        : await receiver.tell(delivery);
    const at = clock.now();
    const pause = pauses[attempts - 1];
    const place = { announcement: id, type, receiver: name, attempts };
    if (outcome.kind === "heard") {
      await outbox.settle({ number, receiver: name, attempts, at, outcome: "delivered" });
      return;
    }
    if (outcome.kind === "gone" || pause === undefined) {
      await outbox.settle({ number, receiver: name, attempts, at, outcome: "dead" });
      logger.error(
        { ...place, why: outcome.why },
        "an announcement was given up: this receiver never heard it",
      );
      return;
    }
    await outbox.settle({ number, receiver: name, attempts, at, outcome: at + pause });
    logger.warn({ ...place, why: outcome.why }, "an announcement was not heard; trying again");
  }
}
