/** The columns of the outbox and of what retention took away, for `columns.test.ts`. */
import { own } from "../../support/stored.ts";
import { otherOf, type Row } from "./proposal-columns.ts";

const any = "1 = 1";

export const outboxRows: readonly Row[] = [
  ["announcement.number", "another", "99", any, ["DATABASE_DAMAGED"]],
  ["announcement.data", "none", "'{'", any, ["OUTBOX_WRONG"]],
  ["announcement.settled_at", "told", "1", any, ["OUTBOX_WRONG"]],
  ["delivery.announcement", "none that is", "99", any, ["DATABASE_DAMAGED"]],
  ["delivery.state", "heard", "'delivered'", any, ["OUTBOX_WRONG"]],

  ["removed_metadata.repository", "none that is", "99", any, ["DATABASE_DAMAGED"]],
  ["removed_metadata.role", "another", "'targets'", any, ["FEED_WRONG", own, "timestamp", 2]],
  ["removed_metadata.role", "a root", "'root'", any, ["REMOVAL_WRONG", own, "root", 1]],
  ["removed_metadata.version", "a later one", "9", any, ["REMOVAL_WRONG", own, "timestamp", 9]],
  ["removed_metadata.version", "one that is stored", "2", any, ["REMOVAL_WRONG", own, "timestamp", 2]],
  ["removed_metadata.sha256", "another", otherOf("sha256"), any, ["FEED_WRONG", own, "timestamp", 1]],
  ["removed_metadata.stored_at", "later", "stored_at + 1", any, ["REMOVAL_WRONG", own, "timestamp", 1]],
  ["removed_metadata.revision", "none that is", "99", any, ["REMOVAL_WRONG", own, "timestamp", 1]],
  ["removed_metadata.removed_at", "earlier", "0", any, ["REMOVAL_WRONG", own, "timestamp", 1]],
  ["removed_metadata.removed_at", "later", "removed_at + 1", any, ["TRAIL_INCOMPLETE", own]],
];

export const outboxColumnsUnchecked: Readonly<Record<string, string>> = {
  "announcement.id": "what is told once; nothing else in the store says it",
  "announcement.type": "told as it stands",
  "announcement.subject": "told as it stands",
  "announcement.at": "told as it stands",
  "delivery.receiver": "of one that is not configured it is said in the log",
  "delivery.attempts": "how often it was tried decides when it is tried again, and nothing else",
  "delivery.due": "when it is tried again",
  "delivery.claimed_until": "a claim that reaches far ahead holds nobody off",
  "removed_metadata.length": "of bytes that are gone; only told",
  "removed_metadata.expires": "of bytes that are gone; only told",
};
