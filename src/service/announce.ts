/**
 * What the server tells the outside by itself: something expires, a head of the audit trail, something was published.
 *
 * `announce` resolves when the announcement is safe in the store (an outbox), not when anybody has heard it: a crash loses
 * none, and somebody may hear one twice, under the same `id`.
 */
export interface Announcement {
  /** The same for the same thing: announced again, it is not told again. At most 200 characters. */
  readonly id: string;
  /** Reverse domain name in the manner of CloudEvents, such as `dev.vidimus.expiry.approaching`. */
  readonly type: string;
  /** What it is about: a repository, a role of it, a key. */
  readonly subject: string;
  readonly at: number;
  /** A JSON object; at most 64 KiB as text. No secret. */
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Announcer {
  announce(announcement: Announcement): Promise<void>;
}
