/** What two servers can differ in, and what keeps them from being compared. */
import { sourceCodesOfOne } from "../errors.ts";
import type { Finding } from "../report.ts";

export const differenceCodes = [
  "MISSING_HERE",
  "MISSING_THERE",
  "OLDER_HERE",
  "OLDER_THERE",
  /** Older, and expired. */
  "EXPIRED_HERE",
  "EXPIRED_THERE",
  /** Other bytes of the same version. */
  "DIFFERENT",
  /** It was read, and does not verify. */
  "UNUSABLE_HERE",
  "UNUSABLE_THERE",
] as const;
export type DifferenceCode = (typeof differenceCodes)[number];

export interface FileState {
  readonly version: number;
  readonly sha256: string;
}

export interface Difference {
  readonly repository: string;
  /** Undefined: the repository as a whole. */
  readonly role?: string;
  readonly code: DifferenceCode;
  /** The newest file of the role at either server. */
  readonly here?: FileState;
  readonly there?: FileState;
  /** Of `DIFFERENT`: the version that both have with other bytes. Of missing roots: the newest that one lacks. */
  readonly version?: number;
  /** What is, and who must do what. */
  readonly sentence: string;
}

/** Why a repository was not compared. */
export const uncomparedCodes = [
  /** No repository can be called that at a Vidimus. */
  "BAD_REPOSITORY_NAME",
  /** Neither server has what was named by hand, or by a changefeed. */
  "NOT_FOUND",
  ...sourceCodesOfOne,
] as const;
export type UncomparedCode = (typeof uncomparedCodes)[number];

export interface Uncompared {
  readonly repository: string;
  readonly code: UncomparedCode;
  /** Why, and who must do what. */
  readonly sentence: string;
}

/** Names of both servers. */
export interface Places {
  readonly here: string;
  readonly there: string;
}

/** A difference before it is put into words. */
export interface Fact extends Omit<Difference, "repository" | "sentence"> {
  /** Of what cannot be used. */
  readonly fault?: Finding | undefined;
  /** Of what is older: the newer side has that version too, with the same bytes, or a server made it. */
  readonly isTraced?: boolean | undefined;
  /** Of a missing file: who has the newer snapshot. */
  readonly newer?: "here" | "there" | "neither" | undefined;
}
