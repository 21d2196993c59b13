/** The outbox on SQLite. Changes run inside a member of `Writer` and are atomic by its savepoint. */
import type Database from "better-sqlite3";
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
import type { Ways } from "./ways.ts";

interface Claim {
  readonly now: number;
  readonly leaseUntil: number;
  readonly limit: number;
}

function prepare(database: Database.Database) {
  const known = database.prepare<[string], number>("SELECT number FROM announcement WHERE id = ?").pluck();
  const insert = database.prepare<[string, string, string, number, string, number | null]>(
    "INSERT INTO announcement (id, type, subject, at, data, settled_at) VALUES (?, ?, ?, ?, ?, ?)",
  );
  const addDelivery = database.prepare<[number, string, number]>(
    "INSERT INTO delivery (announcement, receiver, state, attempts, due) VALUES (?, ?, 'waiting', 0, ?)",
  );
  const waiting = database
    .prepare<[], number>("SELECT count(due) FROM delivery WHERE state = 'waiting'")
    .pluck();
  const longestWaiting = database.prepare<[number], { announcement: number; receiver: string }>(
    "SELECT announcement, receiver FROM delivery INDEXED BY delivery_waiting WHERE state = 'waiting' ORDER BY announcement LIMIT ?",
  );
  const settled = database
    .prepare<[], number>("SELECT count(number) FROM announcement WHERE settled_at IS NOT NULL")
    .pluck();
  const forgetOldest = database.prepare<[number]>(
    "DELETE FROM announcement WHERE number IN (SELECT number FROM announcement WHERE settled_at IS NOT NULL ORDER BY settled_at, number LIMIT ?)",
  );
  const forgetBefore = database.prepare<[number, number]>(
    "DELETE FROM announcement WHERE number IN (SELECT number FROM announcement WHERE settled_at IS NOT NULL AND settled_at < ? ORDER BY settled_at, number LIMIT ?)",
  );
  const due = database.prepare<[number, number, number, number], { announcement: number; receiver: string }>(
    "SELECT announcement, receiver FROM delivery WHERE state = 'waiting' AND due <= ? AND (claimed_until IS NULL OR claimed_until <= ? OR claimed_until > ?) ORDER BY due, announcement, receiver LIMIT ?",
  );
  const claim = database
    .prepare<[number, number, string], number>(
      "UPDATE delivery SET claimed_until = ?, attempts = attempts + 1 WHERE announcement = ? AND receiver = ? RETURNING attempts",
    )
    .pluck();
  const entry = database.prepare<[number], OutboxEntry>(
    "SELECT id, type, subject, at, data FROM announcement WHERE number = ?",
  );
  const settle = database.prepare<[string, number, string, number]>(
    "UPDATE delivery SET state = ?, claimed_until = NULL WHERE announcement = ? AND receiver = ? AND state = 'waiting' AND attempts = ?",
  );
  const again = database.prepare<[number, number, string, number]>(
    "UPDATE delivery SET due = ?, claimed_until = NULL WHERE announcement = ? AND receiver = ? AND state = 'waiting' AND attempts = ?",
  );
  const giveUp = database.prepare<[number, string]>(
    "UPDATE delivery SET state = 'dead', claimed_until = NULL WHERE announcement = ? AND receiver = ?",
  );
  // Whoever has not heard it may be told by hand: then its data stays.
  const close = database.prepare<[number, number]>(
    "UPDATE announcement SET settled_at = ?, data = CASE WHEN EXISTS (SELECT 1 FROM delivery AS d WHERE d.announcement = number AND d.state = 'dead') THEN data ELSE '' END WHERE number = ? AND NOT EXISTS (SELECT 1 FROM delivery AS d WHERE d.announcement = number AND d.state = 'waiting')",
  );
  const dead = database
    .prepare<[], number>("SELECT count(announcement) FROM delivery WHERE state = 'dead'")
    .pluck();
  const oldest = database
    .prepare<[], number | null>(
      "SELECT min(a.at) FROM delivery AS d JOIN announcement AS a ON a.number = d.announcement WHERE d.state = 'waiting'",
    )
    .pluck();

  function makeRoom(more: number, at: number, limits: OutboxLimits): void {
    const excess = (waiting.get() ?? 0) + more - limits.waiting;
    if (excess > 0) {
      for (const { announcement, receiver } of longestWaiting.all(excess)) {
        giveUp.run(announcement, receiver);
        close.run(at, announcement);
      }
    }
    const old = (settled.get() ?? 0) - limits.settled;
    if (old > 0) forgetOldest.run(old);
  }

  return {
    add({ id, type, subject, at, data }: OutboxEntry, receivers: readonly string[], limits: OutboxLimits) {
      if (known.get(id) !== undefined) return false;
      makeRoom(receivers.length, at, limits);
      const nobody = receivers.length === 0;
      const row = insert.run(id, type, subject, at, nobody ? "" : data, nobody ? at : null);
      for (const receiver of receivers) addDelivery.run(Number(row.lastInsertRowid), receiver, at);
      return true;
    },
    isKnown: (id: string): boolean => known.get(id) !== undefined,
    isDue: ({ now, leaseUntil }: Claim) =>
      due.get(now, now, farthestClaim({ now, leaseUntil }), 1) !== undefined,
    claim({ now, leaseUntil, limit }: Claim): Delivery[] {
      return due
        .all(now, now, farthestClaim({ now, leaseUntil }), limit)
        .flatMap(({ announcement: number, receiver }) => {
          const attempts = claim.get(leaseUntil, number, receiver);
          const found = entry.get(number);
          return attempts === undefined || found === undefined
            ? []
            : [{ ...found, number, receiver, attempts }];
        });
    },
    settle({ number, receiver, attempts, at, outcome }: DeliveryOutcome): void {
      if (typeof outcome === "number") again.run(outcome, number, receiver, attempts);
      else if (settle.run(outcome, number, receiver, attempts).changes === 1) close.run(at, number);
    },
    facts: (): OutboxFacts => ({
      waiting: waiting.get() ?? 0,
      dead: dead.get() ?? 0,
      oldest: oldest.get() ?? undefined,
    }),
    forget: (settledBefore: number, limit: number): number => forgetBefore.run(settledBefore, limit).changes,
  };
}

export function sqliteOutbox(database: Database.Database, { read, change }: Ways): OutboxStore {
  const rows = prepare(database);
  return {
    async add(entry, receivers, limits) {
      outboxBounds.checkEntry(entry, receivers, limits);
      // What is announced again and again is looked up, and written once.
      if (read(() => rows.isKnown(entry.id))) return false;
      return change(() => rows.add(entry, receivers, limits));
    },
    async claim(query) {
      outboxBounds.checkClaim(query);
      if (!read(() => rows.isDue(query))) return [];
      return change(() => rows.claim(query));
    },
    async settle(outcome) {
      outboxBounds.checkOutcome(outcome);
      return change(() => rows.settle(outcome));
    },
    async facts() {
      return read(() => rows.facts());
    },
    async forget(request) {
      outboxBounds.checkForget(request);
      return change(() => rows.forget(request.settledBefore, request.limit));
    },
  };
}
