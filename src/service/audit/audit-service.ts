/**
 * Questions about the past, as the HTTP layer sees them. Every answer is a table (`history/answer.ts`), for an instant: what was
 * published later is as if it were not.
 *
 * Answers are bounded: what does not fit has a `next`, with which the same question goes on. An answer that rests on files whose
 * bytes were taken away says so (`notKept`): nobody can verify it again.
 */
import type { Line } from "../../history/answer.ts";
import type { DeniedKey, RegisteredKey } from "../../store/contract/register.ts";
import type { Principal } from "../principal.ts";

export type { DeniedKey, Line, RegisteredKey };

export const auditQuestions = [
  "could-sign",
  "signatures",
  "changes",
  "keys",
  "shared-keys",
  "silent-keys",
  "person",
  "old-signatures",
  "expiring",
  "what-if",
] as const;
export type AuditQuestion = (typeof auditQuestions)[number];

export interface AuditRequest {
  readonly question: AuditQuestion;
  /** Milliseconds; undefined: now. */
  readonly at: number | undefined;
  /** Undefined: all, where a question may be of all. */
  readonly repository: string | undefined;
  readonly role: string | undefined;
  readonly path: string | undefined;
  /** ID of a key, bare or as it is listed. */
  readonly key: string | undefined;
  readonly owner: string | undefined;
  readonly days: number | undefined;
  /** Versions of a role; `from` 0: before the first. */
  readonly from: number | undefined;
  readonly to: number | undefined;
  /** When readers ask, of files as they stand at `at`. */
  readonly until: number | undefined;
  readonly after: string | undefined;
}

export interface AuditAnswer {
  readonly question: AuditQuestion;
  readonly at: number;
  readonly lines: readonly Line[];
  /** Give it as `after`. */
  readonly next: string | undefined;
  readonly notKept: boolean;
}

export interface AuditService {
  /** Throws `NOT_FOUND` for a name that was never used, `BAD_PARAMETER` for what a question lacks. */
  answer(request: AuditRequest): Promise<AuditAnswer>;

  /** Entries of the register, 200 at a time, after a place `KEY SINCE` in milliseconds. */
  keys(owner: string | undefined, after: RegisteredPlace | undefined): Promise<readonly RegisteredKey[]>;
  register(entry: Omit<RegisteredKey, "registeredAt" | "registeredBy">, principal: Principal): Promise<void>;
  denied(): Promise<readonly DeniedKey[]>;
  /** From now on it counts in no publication and no proposal. False: it was denied already. Throws `TOO_MANY_DENIED`. */
  deny(keyId: string, reason: string, principal: Principal): Promise<boolean>;
  /** False: it was not denied. */
  allow(keyId: string, principal: Principal): Promise<boolean>;
}

export type RegisteredPlace = Pick<RegisteredKey, "keyId" | "since">;
export const registerPage = 200;
