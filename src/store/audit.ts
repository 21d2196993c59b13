/**
 * The audit trail: what was done, by whom, in one append-only chain over the whole store.
 *
 * **One change.** A record is written in the very change that it tells of (`Publication.audit`, and likewise for every other
 * change of a store): both are there or neither.
 *
 * **The chain.** Entries are numbered from 1 without a gap. `hash` is the SHA-256 of the previous entry's hash (of entry 1: 64
 * zeros) and this entry's record in canonical form, so the hash of the newest one, the head, stands for all of them.
 *
 * **Nothing is ever changed or removed.** What is refused is no change, and is counted elsewhere.
 */

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
