/**
 * The part of the store contract (`store.ts`) that knows whose keys they are, and which of them are denied.
 * `test/contract/store/register.ts` is the same text as tests.
 *
 * **Keys** are known by the ID of the bare key (`core/keys.ts`, canonical key ID): 64 lower-case hex digits.
 *
 * **Ownership.** A key may have had several owners one after the other: each entry has its own `since`. An entry with the key
 * and `since` of one that is there takes its place.
 *
 * **Denial.** A key is denied or it is not; who denies one again, or lifts what is not denied, changes nothing. Denials that
 * were lifted stay on record.
 *
 * **The audit trail.** A record that comes with a change is appended in that very change, and not at all where nothing changes.
 *
 * **Bounds.** At most `maxDenied` keys are denied at one time, so that all of them can be read before each publication.
 *
 * **Names, time, durability, errors** are those of the store.
 */

import type { AuditRecord } from "./audit.ts";

export interface RegisteredKey {
  readonly keyId: string;
  /** From when on, and, if it is over, until when: exclusive, and later than `since`. */
  readonly since: number;
  readonly until: number | undefined;
  /** 1 … 255 characters. */
  readonly owner: string;
  /** Where the private half is kept, in words: at most 255 characters. */
  readonly custody: string;
  readonly registeredAt: number;
  readonly registeredBy: string;
}

export interface DeniedKey {
  readonly keyId: string;
  readonly deniedAt: number;
  readonly deniedBy: string;
  /** At most 1,000 characters. */
  readonly reason: string;
  readonly liftedAt: number | undefined;
  readonly liftedBy: string | undefined;
}

export type Denial = Omit<DeniedKey, "liftedAt" | "liftedBy">;

export interface Lift {
  readonly keyId: string;
  readonly at: number;
  readonly by: string;
}

/** What the audit trail is told of a change. */
export interface Told {
  readonly audit: AuditRecord;
}

export interface RegisterQuery {
  /** Only keys of this owner, by the very name. */
  readonly owner?: string;
  readonly after?: Pick<RegisteredKey, "keyId" | "since">;
  /** 1 … 1000. */
  readonly limit: number;
}

export interface KeyRegister {
  /** By key ID, then `since`, strictly after the given ones. */
  list(query: RegisterQuery): Promise<readonly RegisteredKey[]>;
  put(entry: RegisteredKey & Told): Promise<void>;
  /** Resolves false, and writes nothing, if it is denied already or as many are denied as may be. */
  deny(denial: Denial & Told): Promise<boolean>;
  /** Resolves false, and writes nothing, if it is not denied. */
  lift(request: Lift & Told): Promise<boolean>;
  /** All keys that are denied now, by ID. */
  denied(): Promise<readonly DeniedKey[]>;
  /** Every denial there was, by key ID, then instant, strictly after the given one. `limit`: 1 … 1000. */
  denials(after: Pick<DeniedKey, "keyId" | "deniedAt">, limit: number): Promise<readonly DeniedKey[]>;
}

export const maxDenied = 1_000;
