/** Taking superseded files away, as the HTTP layer and the command line see it. */
import type { Principal } from "../principal.ts";

export interface Removable {
  readonly repository: string;
  readonly role: string;
  readonly version: number;
  readonly sha256: string;
  readonly length: number;
  readonly storedAt: number;
}

/** Also of what people signed; absent: as the policy says, and otherwise not at all. Milliseconds. */
export interface RetentionWishes {
  readonly targets?: number;
  readonly delegations?: number;
}

export interface RetentionQuery extends RetentionWishes {
  /** Repositories strictly after this one. */
  readonly after: string | undefined;
  /** Repositories of one page: 1 … 50. */
  readonly limit: number;
}

/** `next`: give it as `after`; undefined: that was all. */
export interface RetentionPage {
  readonly files: readonly Removable[];
  readonly next: string | undefined;
}

export interface RetentionService {
  /** What would go now. */
  plan(query: RetentionQuery): Promise<RetentionPage>;
  /** Takes it away, and says what went. Throws `READ_ONLY`, `STORE_BEHIND`. */
  run(query: RetentionQuery, principal: Principal): Promise<RetentionPage>;
}
