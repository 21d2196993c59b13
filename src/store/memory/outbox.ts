/** The outbox in memory. */

import * as outboxBounds from "../bounds/outbox.ts";
import { farthestClaim } from "../bounds.ts";
import type {
  Delivery,
  DeliveryOutcome,
  OutboxEntry,
  OutboxFacts,
  OutboxLimits,
  OutboxStore,
} from "../contract/outbox.ts";

interface Waiting {
  readonly receiver: string;
  state: "waiting" | "delivered" | "dead";
  attempts: number;
  due: number;
  claimedUntil: number | undefined;
}

interface Kept {
  readonly number: number;
  readonly deliveries: readonly Waiting[];
  entry: OutboxEntry;
  settledAt: number | undefined;
}

class MemoryOutbox {
  /** In the order in which they came. */
  readonly #kept = new Map<string, Kept>();
  #last = 0;

  add(entry: OutboxEntry, receivers: readonly string[], limits: OutboxLimits): boolean {
    if (this.#kept.has(entry.id)) return false;
    this.#makeRoom(receivers.length, entry.at, limits);
    const deliveries = receivers.map(
      (receiver): Waiting => ({
        receiver,
        state: "waiting",
        attempts: 0,
        due: entry.at,
        claimedUntil: undefined,
      }),
    );
    this.#last += 1;
    const kept: Kept = { number: this.#last, deliveries, entry, settledAt: undefined };
    this.#kept.set(entry.id, kept);
    close(kept, entry.at);
    return true;
  }

  claim(query: { now: number; leaseUntil: number; limit: number }): Delivery[] {
    const { now, leaseUntil, limit } = query;
    const isFree = ({ claimedUntil }: Waiting) =>
      claimedUntil === undefined || claimedUntil <= now || claimedUntil > farthestClaim(query);
    return this.#waiting()
      .filter(({ delivery }) => delivery.due <= now && isFree(delivery))
      .sort(
        (a, b) =>
          a.delivery.due - b.delivery.due ||
          a.kept.number - b.kept.number ||
          (a.delivery.receiver < b.delivery.receiver ? -1 : 1),
      )
      .slice(0, limit)
      .map(({ kept: { number, entry }, delivery }) => {
        delivery.claimedUntil = leaseUntil;
        delivery.attempts += 1;
        return { ...entry, number, receiver: delivery.receiver, attempts: delivery.attempts };
      });
  }

  settle({ number, receiver, attempts, at, outcome }: DeliveryOutcome): void {
    const found = this.#waiting().find(
      ({ kept, delivery }) => kept.number === number && delivery.receiver === receiver,
    );
    if (found === undefined || found.delivery.attempts !== attempts) return;
    found.delivery.claimedUntil = undefined;
    if (typeof outcome === "number") {
      found.delivery.due = outcome;
      return;
    }
    found.delivery.state = outcome;
    close(found.kept, at);
  }

  facts(): OutboxFacts {
    const waiting = this.#waiting();
    const dead = [...this.#kept.values()].flatMap(({ deliveries }) =>
      deliveries.filter(({ state }) => state === "dead"),
    );
    const oldest = waiting.length === 0 ? undefined : Math.min(...waiting.map(({ kept }) => kept.entry.at));
    return { waiting: waiting.length, dead: dead.length, oldest };
  }

  forget(settledBefore: number, limit: number): number {
    const old = this.#settled().filter(({ settledAt = 0 }) => settledAt < settledBefore);
    for (const { entry } of old.slice(0, limit)) this.#kept.delete(entry.id);
    return Math.min(old.length, limit);
  }

  #makeRoom(more: number, at: number, limits: OutboxLimits): void {
    const waiting = this.#waiting();
    for (const { kept, delivery } of waiting.slice(0, Math.max(0, waiting.length + more - limits.waiting))) {
      delivery.state = "dead";
      delivery.claimedUntil = undefined;
      close(kept, at);
    }
    const settled = this.#settled();
    for (const { entry } of settled.slice(0, Math.max(0, settled.length - limits.settled))) {
      this.#kept.delete(entry.id);
    }
  }

  /** Oldest first. */
  #waiting(): { readonly kept: Kept; readonly delivery: Waiting }[] {
    return [...this.#kept.values()].flatMap((kept) =>
      [...kept.deliveries]
        .sort((a, b) => (a.receiver < b.receiver ? -1 : 1))
        .filter(({ state }) => state === "waiting")
        .map((delivery) => ({ kept, delivery })),
    );
  }

  #settled(): Kept[] {
    return [...this.#kept.values()]
      .filter(({ settledAt }) => settledAt !== undefined)
      .sort((a, b) => (a.settledAt ?? 0) - (b.settledAt ?? 0));
  }
}

function close(kept: Kept, at: number): void {
  if (kept.deliveries.some(({ state }) => state === "waiting")) return;
  kept.settledAt = at;
  if (!kept.deliveries.some(({ state }) => state === "dead")) kept.entry = { ...kept.entry, data: "" };
}

export function memoryOutbox(checkOpen: () => void): OutboxStore {
  const outbox = new MemoryOutbox();
  return {
    async add(entry, receivers, limits) {
      outboxBounds.checkEntry(entry, receivers, limits);
      checkOpen();
      return outbox.add(entry, receivers, limits);
    },
    async claim(query) {
      outboxBounds.checkClaim(query);
      checkOpen();
      return outbox.claim(query);
    },
    async settle(outcome) {
      outboxBounds.checkOutcome(outcome);
      checkOpen();
      outbox.settle(outcome);
    },
    async facts() {
      checkOpen();
      return outbox.facts();
    },
    async forget(request) {
      outboxBounds.checkForget(request);
      checkOpen();
      return outbox.forget(request.settledBefore, request.limit);
    },
  };
}
