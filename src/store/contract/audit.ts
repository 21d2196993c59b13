/**
 * The audit trail: what was done, by whom, in one append-only chain over the whole store.
 *
 * **One change.** A record is written in the very change that it tells of (`Publication.audit`, and likewise for every other
 * change of a store): both are there or neither.
 *
 * **The chain.** Entries are numbered from 1 without a gap. `hash` is the SHA-256 of the previous entry's hash (of entry 1: 64
 * zeros) and this entry's record in canonical form, so the hash of the newest one, the head, stands for all of them.
 *
 * **Nothing is ever changed or removed.** What is refused is no change: it is counted apart (`countRefusals`), and the chain
 * gets summaries of whole hours.
 *
 * **What ends with it.** Of each proposal that a publication or removal ends the store itself appends a record after that of
 * the change (`proposalEnd`).
 *
 * `test/contract/store/audit.ts` is this text as tests. Durability, time and errors are those of the store.
 */
import { canonicalText } from "../../core/canonical.ts";

/** Who did it, as the server knew them then. */
export interface AuditActor {
  readonly name: string;
  readonly method: string;
  /** Empty: from nowhere on the network. */
  readonly address: string;
}

export interface AuditRecord {
  readonly at: number;
  /** What was done: an object and a past participle with a dot between, such as `repository.published` or `user.added`. */
  readonly kind: string;
  readonly actor: AuditActor;
  /** Empty: it is about the server. */
  readonly repository: string;
  /** A canonical JSON object; at most `maxAuditDetail` bytes. No secret, no hash of one. */
  readonly detail: string;
}

export interface AuditEntry extends AuditRecord {
  readonly number: number;
  /** Lower-case hex. */
  readonly hash: string;
}

/** How far the trail had got. `number` 0 and 64 zeros: it is empty. */
export interface AuditHead {
  readonly number: number;
  readonly hash: string;
  readonly at: number;
}

export const maxAuditDetail = 64 * 1024;

export interface AuditQuery {
  readonly repository?: string;
  readonly kind?: string;
  /** The actor's name. */
  readonly actor?: string;
  /** Entries of this instant or later, and of before the other one. */
  readonly since?: number;
  readonly until?: number;
  /** Exclusive start. `undefined`: from the oldest forwards, or from the newest backwards. */
  readonly from?: number;
  readonly direction: "forwards" | "backwards";
  /** 1 … 1000. */
  readonly limit: number;
}

/**
 * At most `limit` entries in the order of the direction. A page ends early when `mostLookedAt` entries were looked at, so it
 * may be empty although there is more.
 */
export interface AuditPage {
  readonly entries: readonly AuditEntry[];
  /** `from` of the next page; undefined: there is nothing further. */
  readonly next: number | undefined;
}

export const mostLookedAt = 10_000;

/** How often a code was given to a principal within an hour. */
export interface RefusalCount {
  /** Start of the hour, in milliseconds since 1970. */
  readonly hour: number;
  readonly principal: string;
  readonly code: string;
  readonly count: number;
}

/** Rows that wait for their summary; what would be one more is counted under the principal "" (several). */
export const mostRefusalRows = 2_000;
/** Rows of one summary. */
export const refusalsInSummary = 80;
/** Summaries that one `settleRefusals` makes. */
export const mostSummaries = 10;
/** Counts that are given, or asked for, at one time. */
export const mostRefusalsAtOnce = 1_000;
export const maxRefusedPrincipal = 200;

/** The key that signs heads. `reference` is the signer's. */
export interface AuditKey {
  readonly keytype: string;
  /** Base64, as in metadata. */
  readonly publicKey: string;
  readonly reference: Uint8Array;
  readonly createdAt: number;
}

export interface AuditStore {
  /** For what changes nothing else in this store. Resolves to the head that it made. */
  append(record: AuditRecord): Promise<AuditHead>;
  head(): Promise<AuditHead>;
  list(query: AuditQuery): Promise<AuditPage>;

  /** Adds to what is counted. At most `mostRefusalsAtOnce`. */
  countRefusals(counts: readonly RefusalCount[]): Promise<void>;
  /** What waits for its summary, by hour, principal and code, at most `mostRefusalsAtOnce`. */
  refusals(): Promise<readonly RefusalCount[]>;
  /**
   * Moves the counts of hours that began before `before` into the chain, `refusalsInSummary` a record of kind
   * `server.refused`, at most `mostSummaries`. Resolves to how many records that were.
   */
  settleRefusals(request: { before: number; at: number; actor: AuditActor }): Promise<number>;

  /** Undefined: none was made yet. */
  key(): Promise<AuditKey | undefined>;
  /** Keeps the key if there is none; resolves to the one that is kept. */
  createKey(key: AuditKey): Promise<AuditKey>;
}

/** The record of a proposal's end by the publication or removal that `record` tells of. */
export function proposalEnd(
  { actor, at, repository }: AuditRecord,
  { id, kind, reason }: { readonly id: string; readonly kind: string; readonly reason: string },
): AuditRecord {
  return {
    at,
    actor,
    repository,
    kind: `proposal.${kind}`,
    detail: canonicalText({ proposal: id, reason: reason.slice(0, 4_000).toWellFormed() }),
  };
}

/** The record of counts that were refused. */
export function refusalSummary(
  counts: readonly RefusalCount[],
  { at, actor }: { readonly at: number; readonly actor: AuditActor },
): AuditRecord {
  const refused = counts.map(({ hour, principal, code, count }) => ({ hour, principal, code, count }));
  return { at, actor, repository: "", kind: "server.refused", detail: canonicalText({ refused }) };
}
