/**
 * Tokens that say nothing by themselves: long random texts that the server made and knows again, such as those of machines.
 *
 * Whoever implements this keeps digests and no tokens, and compares without telling by its time how much was right. It is
 * asked at each request, so that a token is worth nothing from the moment it is revoked: what it remembers is its own matter,
 * and its own bound.
 */
import type { Principal } from "../principal.ts";

/** To a repository: in the words of the registry protocol, and one of our own. */
export type RepositoryAction = "pull" | "push" | "propose" | "*";
/** To the server as a whole. */
export type ServerAction = "catalog" | "audit" | "admin";

export interface OpaqueGrant {
  /** With the address that was given. */
  readonly principal: Principal;
  /** `*` includes every action of its repository, `push` includes `propose`, `admin` everything. */
  may(action: RepositoryAction, repository: string): boolean;
  may(action: ServerAction): boolean;
  /** Milliseconds; not after this instant. */
  readonly expiresAt: number;
}

export interface OpaqueTokens {
  /**
   * Undefined: unknown, expired, revoked, or not allowed from this address; which of them is for nobody to know. `text` has
   * 1 to 16,384 characters of a bearer token (RFC 6750, 2.1), and is no JWT. Rejects only where the store cannot be asked.
   */
  check(text: string, address: string): Promise<OpaqueGrant | undefined>;
}
