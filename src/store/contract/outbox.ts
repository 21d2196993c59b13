/**
 * The part of the store contract (`store.ts`) that keeps what is to be told to the outside until everybody has heard it.
 * `test/contract/store/outbox.ts` is the same text as tests.
 *
 * **Once.** An announcement has an ID. One whose ID is known is not taken in again, told or not.
 *
 * **At least once for each receiver.** A delivery waits until it is settled: `delivered`, or `dead` when whoever delivers
 * gave up. Who claims one and dies holds it back until the lease ends; then somebody else is given it.
 *
 * **Row by row.** No two callers, in any processes, are given the same delivery at one time.
 *
 * **Bounded.** When too many wait, the longest waiting are dead; of what is settled the oldest is forgotten first.
 *
 * **Names, time, durability, errors** are those of the store.
 */

export interface OutboxEntry {
  /** 1 … 200 characters. */
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly at: number;
  /** Text of a JSON object, at most 64 KiB. Lost once everybody has heard it. */
  readonly data: string;
}

export interface OutboxLimits {
  /** Most deliveries that wait. */
  readonly waiting: number;
  /** Most announcements that are kept, those that wait apart. */
  readonly settled: number;
}

export interface Delivery extends OutboxEntry {
  readonly number: number;
  readonly receiver: string;
  /** Of this delivery, this one included. */
  readonly attempts: number;
}

export interface DeliveryOutcome extends Pick<Delivery, "number" | "receiver" | "attempts"> {
  readonly at: number;
  /** An instant: it failed, and is due again then. */
  readonly outcome: "delivered" | "dead" | number;
}

export interface OutboxFacts {
  readonly waiting: number;
  readonly dead: number;
  /** When the oldest that waits was announced; undefined if none waits. */
  readonly oldest: number | undefined;
}

export interface OutboxStore {
  /** False, and nothing changed: the ID is known. Without receivers it counts as told. */
  add(entry: OutboxEntry, receivers: readonly string[], limits: OutboxLimits): Promise<boolean>;
  /**
   * Deliveries that are due, oldest first, each claimed until `leaseUntil`. A claim that reaches more than two leases
   * ahead was made by a clock that has been set back since, and holds nobody off. `limit`: 1 … 100.
   */
  claim(query: { now: number; leaseUntil: number; limit: number }): Promise<readonly Delivery[]>;
  /** What became of an attempt. Nothing changes if the delivery was claimed by somebody else since, or is settled. */
  settle(outcome: DeliveryOutcome): Promise<void>;
  facts(): Promise<OutboxFacts>;
  /** Removes announcements that were settled before an instant, at most `limit` (1 … 1000). Resolves to how many. */
  forget(request: { settledBefore: number; limit: number }): Promise<number>;
}

export const maxOutboxData = 64 * 1024;
