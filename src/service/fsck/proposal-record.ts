/**
 * What is recorded of a proposal: its state, dates and size beside the events that led to them. A clock may be set back, so
 * events need not have rising dates; each change leaves one event, and the last one says how a proposal ended.
 */

import type { ProposalRow } from "../../store/contract/inspection.ts";
import {
  mostEvents,
  type ProposalEvent,
  type ProposalSignature,
  proposalBytes,
  proposalStates,
} from "../../store/contract/proposals.ts";
import { isPrincipal } from "./record.ts";

/** How far ahead of the clock something may be dated, in milliseconds: clocks differ. */
const ahead = 24 * 60 * 60_000;
/** Characters of an event's detail: what is longer was cut off. */
const maxDetail = 1_000;

const states: readonly string[] = proposalStates;
const kinds: readonly string[] = [
  ...states.filter((state) => state !== "open"),
  "opened",
  "proposed",
  "signed",
  "backed",
  "failed",
];

/** The first fault, for those behind it may follow from it. */
export function recordFault(row: ProposalRow, at: number): string | undefined {
  return headFault(row, at) ?? eventsFault(row) ?? endFault(row);
}

function headFault(row: ProposalRow, at: number): string | undefined {
  const { id, state, openedAt, expiresAt, settledAt, bytes } = row;
  if (!/^[0-9a-f]{16}$/.test(id)) return "calls it by no ID that is ever given";
  if (!states.includes(state)) return "says that it is what no proposal can be";
  if ((settledAt === undefined) !== (state === "open")) return "does not agree on whether it has ended";
  if (openedAt < 0 || openedAt > at + ahead) return "dates its beginning where no clock was";
  if (expiresAt <= openedAt) return "has it end before it began";
  if (bytes !== proposalBytes({ ...row, files: withSignatures(row) })) {
    return "counts other bytes than it has, so the limits of the store would be missed";
  }
  return undefined;
}

function withSignatures({ files, signatures }: ProposalRow) {
  return files.map((file, index) => ({
    ...file,
    // All of them count once, wherever they belong.
    signatures: index === 0 ? (signatures as readonly ProposalSignature[]) : [],
  }));
}

function eventsFault({
  events,
  state,
  openedAt,
  openedBy,
  settledAt,
  ...row
}: ProposalRow): string | undefined {
  const [first, ...others] = events;
  const isBegun = first?.kind === "opened" || first?.kind === "proposed";
  if (!isBegun || first.at !== openedAt || first.principal !== openedBy) {
    return "does not begin with who opened it, and when";
  }
  if (!events.every(({ kind, principal }) => kinds.includes(kind) && isPrincipal(principal))) {
    return "has an event that cannot be, or of nobody";
  }
  const last = others.at(-1);
  const isSettled = state !== "open";
  if (isSettled && (last?.kind !== state || last.at !== settledAt)) {
    return `says ${state}, and its last event is another`;
  }
  const between = isSettled ? others.slice(0, -1) : others;
  if (!between.every(({ kind }) => kind === "signed" || kind === "backed" || kind === "failed")) {
    return "has it opened or ended more than once";
  }
  const backings = between.filter(({ kind }) => kind === "backed").length;
  if (backings > (first.kind === "proposed" ? 1 : 0)) return "has it backed where it was already";
  const kept = between.length + 1;
  const fits = kept < mostEvents ? row.revision === events.length : row.revision >= events.length;
  if (!fits) return `counts ${row.revision} changes, and has ${events.length} events`;
  return between.flatMap((event) => signedFault(event, row.signatures) ?? []).at(0);
}

/** Whoever is said to have signed has. */
function signedFault(
  { kind, detail }: ProposalEvent,
  signatures: ProposalRow["signatures"],
): string | undefined {
  // Without a name nobody is said to have: what was there was tried again, or backed.
  if ((kind !== "signed" && kind !== "backed") || detail === "") return undefined;
  const named = detail.split(", ");
  const whole = detail.length < maxDetail ? named : named.slice(0, -1);
  const there = new Set(signatures.map(({ role, keyId }) => `${role}: ${keyId}`));
  const gone = whole.find((each) => !there.has(each));
  return gone === undefined ? undefined : `says that a key signed whose signature is not there (${gone})`;
}

function endFault({ state, reason, events }: ProposalRow): string | undefined {
  const last = events.at(-1);
  const wrong = "gives another reason than its last event";
  switch (state) {
    case "superseded":
      return reason === last?.detail ? undefined : wrong;
    case "open": {
      // Later events are not kept.
      if (events.length >= mostEvents) return undefined;
      return reason === (last?.kind === "failed" ? last.detail : "") ? undefined : wrong;
    }
    case "rejected":
      // The reason is the signer's own words, which are only in the statement.
      return undefined;
    default:
      return reason === "" ? undefined : wrong;
  }
}
