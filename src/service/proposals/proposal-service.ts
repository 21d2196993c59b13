/**
 * Proposals as the HTTP layer sees them: files that wait for signatures of several people.
 *
 * A valid signature counts for the key that made it, whoever brings it. That is not yet a right to publish here: one of those who
 * have it must have taken part. A rejection is signed by a key that could sign the proposal.
 *
 * Refusals are `VidimusError`s: `NOT_FOUND`, `PROPOSAL_CLOSED` (its `detail` has the state and why), those of a
 * publication, and those of `core/proposal.ts`.
 */

import type { SignatureEntry } from "../../core/model.ts";
import type { Standing } from "../../core/proposal.ts";
import type { ProposalEvent, ProposalState, ProposalSummary } from "../../store/contract/proposals.ts";
import type { Principal } from "../principal.ts";

export type { ProposalState, ProposalSummary, SignatureEntry, Standing };

/** Bounds of what one caller may send, and of what is kept. */
export interface ProposalSettings {
  readonly files: number;
  /** Bytes of the signed parts of one proposal. */
  readonly bytes: number;
  /** Characters. */
  readonly note: number;
  readonly release: number;
  /** Milliseconds, all three. */
  readonly leastLifetime: number;
  readonly lifetime: number;
  readonly mostLifetime: number;
  readonly openHere: number;
  readonly openInAll: number;
  /** Settled proposals that are kept, for how many milliseconds, and bytes of all proposals together. */
  readonly settled: number;
  readonly kept: number;
  readonly bytesInAll: number;
}

const day = 86_400_000;
const mebibyte = 1024 * 1024;

export const proposalDefaults: ProposalSettings = {
  files: 100,
  bytes: 8 * mebibyte,
  note: 4_000,
  release: 200,
  leastLifetime: 60_000,
  lifetime: 30 * day,
  mostLifetime: 90 * day,
  openHere: 20,
  openInAll: 1_000,
  settled: 2_000,
  kept: 180 * day,
  bytesInAll: 256 * mebibyte,
};

/** Signatures for one file. */
export interface SignedRole {
  readonly role: string;
  readonly signatures: readonly SignatureEntry[];
}

export interface OpenRequest {
  readonly files: readonly (SignedRole & { readonly signed: Buffer })[];
  readonly note: string;
  /** Empty: none. */
  readonly release: string;
  /** Milliseconds; undefined: the usual. */
  readonly lifetime: number | undefined;
}

export interface RejectionRequest {
  readonly role: string;
  readonly statement: Buffer;
  readonly signature: SignatureEntry;
}

export interface ProposalFileView {
  readonly role: string;
  readonly version: number;
  readonly signed: Buffer;
  readonly signatures: readonly SignatureEntry[];
  /** Of these signatures the IDs of those that do not count, as long as it is open: their keys are denied. */
  readonly denied: readonly string[];
  /** What it needs, as long as the proposal is open. */
  readonly needs: readonly Standing[];
}

export interface ProposalView extends Omit<ProposalSummary, "files"> {
  readonly files: readonly ProposalFileView[];
  readonly events: readonly ProposalEvent[];
}

/** An open proposal that a key has signed, and what becomes of it where that signature does not count. */
export interface HeldProposal {
  readonly repository: string;
  readonly id: string;
  /** Roles that the key has signed. */
  readonly roles: readonly string[];
  /** `unaffected`: others have signed enough; `waits`: others can sign in its place; `stuck`: there are not enough of them. */
  readonly outcome: "unaffected" | "waits" | "stuck";
}

export interface ListRequest {
  readonly repository?: string;
  readonly release?: string;
  readonly state?: ProposalState;
  readonly before?: string;
  /** 1 … 200. */
  readonly limit: number;
}

export interface ProposalFacts {
  readonly open: number;
  /** Since this process began. */
  readonly published: number;
  readonly rejected: number;
  readonly expired: number;
}

export interface ProposalService {
  readonly settings: ProposalSettings;

  /**
   * Opens a proposal once it is known that only signatures are missing. If an open one of this repository has the very
   * same bytes, that one gets the signatures, and has been opened by this caller, too. Publishes at once if none is missing.
   * `mayPublish`: see `sign`.
   */
  open(
    repository: string,
    request: OpenRequest,
    principal: Principal,
    mayPublish: boolean,
  ): Promise<ProposalView>;
  get(repository: string, id: string): Promise<ProposalView>;
  /** Newest first. */
  list(request: ListRequest): Promise<readonly ProposalSummary[]>;
  /**
   * Adds signatures, all or none, and publishes when nothing is missing. What is answered says what became of it: it is
   * `published`, or `open` with the reason. Signatures that were kept are never lost.
   *
   * `mayPublish`: whether this caller has the right to publish. Nothing is published before one of those who have it has opened the
   * proposal or brought a signature (one that is there already is one, too), or brings it up again (without a signature, where
   * none is missing).
   */
  sign(
    repository: string,
    id: string,
    files: readonly SignedRole[],
    principal: Principal,
    mayPublish: boolean,
  ): Promise<ProposalView>;
  reject(
    repository: string,
    id: string,
    request: RejectionRequest,
    principal: Principal,
  ): Promise<ProposalView>;
  cancel(repository: string, id: string, principal: Principal): Promise<ProposalView>;

  /**
   * Resolves when the proposal has another revision than `since` (undefined: than now) or is over, when the time is up, or
   * once `isOver` says so. Throws `OVERLOADED` if too many wait already.
   */
  wait(
    repository: string,
    id: string,
    request: { since: number | undefined; milliseconds: number; isOver: () => boolean },
  ): Promise<void>;

  /** All open ones that a key has signed, newest first, as they stand without the keys that are denied. */
  heldBy(keyId: string): Promise<readonly HeldProposal[]>;

  facts(): Promise<ProposalFacts>;
}
