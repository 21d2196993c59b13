/** The bounds of the outbox, checked as `bounds.ts` says. */
import { checkInstant, checkLimit, demand, isText } from "../bounds.ts";
import {
  type DeliveryOutcome,
  maxOutboxData,
  type OutboxEntry,
  type OutboxLimits,
} from "../contract/outbox.ts";

export const maxClaimedDeliveries = 100;
export const maxForgotten = 1_000;
const maxId = 200;
const maxReceivers = 64;
const maxSubject = 4_096;

export function checkEntry(entry: OutboxEntry, receivers: readonly string[], limits: OutboxLimits): void {
  demand(isText(entry.id, maxId) && entry.id !== "", "an ID of an announcement");
  demand(isText(entry.type, maxId) && isText(entry.subject, maxSubject), "a type or subject");
  checkInstant(entry.at);
  demand(isText(entry.data, maxOutboxData) && Buffer.byteLength(entry.data) <= maxOutboxData, "data");
  demand(receivers.length <= maxReceivers, "receivers");
  demand(new Set(receivers).size === receivers.length, "a receiver twice");
  for (const receiver of receivers) demand(isText(receiver, maxId) && receiver !== "", "a receiver");
  for (const limit of [limits.waiting, limits.settled]) {
    demand(Number.isSafeInteger(limit) && limit >= 0, "a limit");
  }
}

export function checkClaim(query: { now: number; leaseUntil: number; limit: number }): void {
  checkInstant(query.now);
  checkInstant(query.leaseUntil);
  checkLimit(query.limit, maxClaimedDeliveries);
}

export function checkOutcome({ number, receiver, attempts, at, outcome }: DeliveryOutcome): void {
  demand(Number.isSafeInteger(number) && Number.isSafeInteger(attempts), "a delivery");
  demand(isText(receiver, maxId), "a receiver");
  checkInstant(at);
  if (typeof outcome === "number") checkInstant(outcome);
  else demand(outcome === "delivered" || outcome === "dead", "an outcome");
}

export function checkForget({ settledBefore, limit }: { settledBefore: number; limit: number }): void {
  checkInstant(settledBefore);
  checkLimit(limit, maxForgotten);
}
