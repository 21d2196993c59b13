/** What nears its end, and what was signed long ago, as the HTTP layer and the command line see it. */

/** What can end. `snapshot`: of an owner who signs it. */
export const expiryKinds = [
  "root",
  "targets",
  "delegation",
  "snapshot",
  "root_certificate",
  "delegation_certificate",
  "pinned_ca",
  "tls_certificate",
  "machine_token",
] as const;
export type ExpiryKind = (typeof expiryKinds)[number];

export interface Expiry {
  readonly kind: ExpiryKind;
  /** Empty: it is the server's. */
  readonly repository: string;
  /** Of a file, or in which a certificate is listed; else empty. */
  readonly role: string;
  /** Of a certificate: its subject; of a token: its name; of a file: its version. */
  readonly name: string;
  /** ID of the key that a certificate is for; else empty. */
  readonly keyId: string;
  /** Of a token that was made for a user: their name. */
  readonly owner?: string;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

/** A target whose signature is older than was asked for. */
export interface OldSignature {
  readonly repository: string;
  readonly role: string;
  readonly target: string;
  /** The date inside the signed bytes; undefined: there is none that can be read. */
  readonly signedAt: number | undefined;
  /** Without such a date: since when this server has had the same digests under that name, without a break. */
  readonly seenAt: number | undefined;
  /** It may be older than `seenAt`: what came before is not stored any more, or was not looked at. */
  readonly orOlder: boolean;
}

/** A walk over all repositories, page by page: by name, strictly after `after`. */
export interface WalkQuery {
  /** What ends, or was signed, before this instant. */
  readonly before: number;
  readonly after: string | undefined;
  /** Repositories of one page: 1 … 200. Fewer, where much is found in them. */
  readonly limit: number;
}

/** `next`: give it as `after`; undefined: that was all. */
export interface Expiring {
  /** In no order. */
  readonly found: readonly Expiry[];
  readonly next: string | undefined;
}
export interface OldSignatures {
  readonly found: readonly OldSignature[];
  readonly next: string | undefined;
}

/** What the last whole look found, for metrics. */
export interface WatchFacts {
  /** When it ended. */
  readonly at: number;
  /** What ends next of each kind, and lay ahead then. */
  readonly next: ReadonlyMap<ExpiryKind, number>;
  /** How much of each kind was over. */
  readonly expired: ReadonlyMap<ExpiryKind, number>;
  /** How much had no more than so many days left, and was not over. */
  readonly within: ReadonlyMap<number, number>;
  /** Files with targets that were signed longer ago than the policy allows. */
  readonly oldSignatures: number;
}

export interface ExpiryService {
  /** The first page has what is the server's own, too. Throws `STORE_UNAVAILABLE`, `STORE_CORRUPT`. */
  expiring(query: WalkQuery): Promise<Expiring>;
  oldSignatures(query: WalkQuery): Promise<OldSignatures>;
  /** The instant by this server's clock, in milliseconds since 1970. */
  now(): number;
  /** Undefined before the first look, and in a process that does not look. */
  facts(): WatchFacts | undefined;
}
