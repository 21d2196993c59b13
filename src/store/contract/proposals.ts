/**
 * The part of the store contract (`store.ts`) that keeps proposals: files that wait for signatures, who signed them, and
 * what became of them. `test/contract/store/proposals.ts` is the same text as tests.
 *
 * **Exactly once.** A publication that names a proposal (`Publication.proposal`) and the end of that proposal are one
 * change: both happen or neither, and only while the proposal is open.
 *
 * **A base that moves ends a proposal.** In the very change that publishes one of the roles of its base, or removes the
 * repository, every other open proposal that rests on it becomes `superseded`. So an open one rests on what is current.
 *
 * **Compare-and-swap.** Every proposal has a revision that each change raises by one. `change` names the revision it was
 * made against; if the proposal has moved on or is no longer open, it rejects with `CONFLICT` and changes nothing.
 *
 * **Expiry** needs nobody: whoever reads compares with the clock (`stateAt`), and what has been over once ends as nothing
 * else. A change made at or after that instant is `CONFLICT`, unless it says so; a publication or removal then says so too.
 *
 * **Names, time, durability, errors** are those of the store. A proposal is addressed by its repository and its ID.
 */
import type { AuditRecord } from "./audit.ts";

export const proposalStates = [
  "open",
  "published",
  "rejected",
  "cancelled",
  "expired",
  "superseded",
] as const;
export type ProposalState = (typeof proposalStates)[number];
export type SettledState = Exclude<ProposalState, "open">;

export interface ProposalSignature {
  readonly keyId: string;
  readonly method: string;
  readonly signature: Uint8Array;
}

export interface ProposalFile {
  readonly role: string;
  readonly version: number;
  /** Exactly the bytes that are signed. Callers must not modify them. */
  readonly signed: Uint8Array;
  /** In the order in which they came. No key ID twice. */
  readonly signatures: readonly ProposalSignature[];
}

/**
 * `proposed`: opened by who may not publish. `backed`: signed, opened once more, or brought up where nothing was missing, by who
 * may, where nobody who may had taken part before. Of both `signed` and `backed` the detail names the new signatures; without
 * any it is empty: what was there is tried again.
 * `failed`: every signature was there, and it could not be published; `detail` says why.
 */
export type ProposalEventKind = Opening | "signed" | "backed" | "failed" | SettledState;
export type Opening = "opened" | "proposed";

export interface ProposalEvent {
  readonly at: number;
  readonly kind: ProposalEventKind;
  /** Who, as the caller was known. */
  readonly principal: string;
  /** Key IDs, a reason, what it was superseded by. */
  readonly detail: string;
}

/** A proposal without the bytes of its files. */
export interface ProposalSummary {
  readonly id: string;
  readonly repository: string;
  readonly state: ProposalState;
  /** Grows by one with every change; 1 when it was opened. */
  readonly revision: number;
  readonly openedAt: number;
  readonly openedBy: string;
  readonly expiresAt: number;
  readonly settledAt: number | undefined;
  readonly note: string;
  /** Empty: it belongs to no release. */
  readonly release: string;
  /** Lower-case hex (`core/rejection.ts`). */
  readonly digest: string;
  /** Every threshold was met when it was last changed, it was backed, and nothing has kept it from being published since. */
  readonly complete: boolean;
  /** Why it was settled, or could not be published. */
  readonly reason: string;
  readonly base: ReadonlyMap<string, number>;
  readonly files: readonly {
    readonly role: string;
    readonly version: number;
    readonly signedBy: readonly string[];
  }[];
}

export interface Proposal extends Omit<ProposalSummary, "files"> {
  readonly files: readonly ProposalFile[];
  /** Oldest first. */
  readonly events: readonly ProposalEvent[];
}

export interface NewProposal
  extends Pick<
    Proposal,
    | "id"
    | "repository"
    | "openedAt"
    | "openedBy"
    | "expiresAt"
    | "note"
    | "release"
    | "digest"
    | "complete"
    | "files"
  > {
  /** The current version of each role that it rests on; 0 for a role that has no file. */
  readonly base: ReadonlyMap<string, number>;
  readonly opening: Opening;
  /** Of its opening. */
  readonly audit: AuditRecord;
}

export interface ProposalLimits {
  /** Most open proposals of one repository, and in the whole store. Those that have expired do not count. */
  readonly openHere: number;
  readonly openInAll: number;
  /** Most settled proposals that are kept; the oldest give way. */
  readonly settled: number;
  /** Most bytes of all files and signatures. Settled proposals give way, the oldest first. */
  readonly bytes: number;
}

/** Which limit kept a proposal out. */
export type ProposalOpening = "opened" | "fullHere" | "full";

export interface ProposalChange {
  readonly repository: string;
  readonly id: string;
  readonly expectedRevision: number;
  readonly at: number;
  readonly principal: string;
  /** Further signatures, of roles that it has, by key IDs that have not signed that role. */
  readonly signatures: readonly (ProposalSignature & { readonly role: string })[];
  readonly complete: boolean;
  /** Ends it. Undefined: it stays open. */
  readonly settle: Exclude<SettledState, "published"> | undefined;
  readonly reason: string;
  readonly event: Pick<ProposalEvent, "kind" | "detail">;
  readonly audit: AuditRecord;
}

export interface ProposalQuery {
  readonly repository?: string;
  readonly release?: string;
  /** As it is at `now`: an open one whose time is over counts as expired, unless it is complete. */
  readonly state?: ProposalState;
  readonly now: number;
  /** Strictly after this place, in the order of `id`s' opening: newest first. */
  readonly before?: string;
  /** 1 … 200. */
  readonly limit: number;
}

export interface ProposalStore {
  /**
   * `CONFLICT`: the current version of a role of its base is another, or the ID is taken. Resolves to `fullHere` or
   * `full`, with nothing changed, when a limit is reached.
   */
  open(proposal: NewProposal, limits: ProposalLimits): Promise<ProposalOpening>;
  get(repository: string, id: string): Promise<Proposal | undefined>;
  /** The revision alone; undefined if there is no such proposal. For whoever waits for a change. */
  revision(repository: string, id: string): Promise<number | undefined>;
  /** Newest first. `before` names a proposal that may be gone: then the page is empty. */
  list(query: ProposalQuery): Promise<readonly ProposalSummary[]>;
  /** Resolves to the new revision. */
  change(change: ProposalChange): Promise<number>;
  /** Stored as open, and complete or over at `now`: oldest first, at most `limit` (1 … 200). */
  attention(query: { now: number; limit: number }): Promise<readonly ProposalSummary[]>;
  /** Removes settled ones that ended before an instant, at most `limit`. Resolves to how many. */
  forget(request: { settledBefore: number; limit: number }): Promise<number>;
  /** How many are open at `now`. */
  countOpen(now: number): Promise<number>;
}

/** What a proposal is at an instant. One that is complete has only to be published, and waits for that. */
export function stateAt(
  { state, complete, expiresAt }: Pick<ProposalSummary, "state" | "complete" | "expiresAt">,
  now: number,
): ProposalState {
  return state === "open" && !complete && expiresAt <= now ? "expired" : state;
}

/** Whether somebody who may publish has taken part: opened it, brought a signature, or brought it up where none was missing. */
export function isBacked({ events }: Pick<Proposal, "events">): boolean {
  return events[0]?.kind !== "proposed" || events.some(({ kind }) => kind === "backed");
}

/** Events of one proposal that is open; further ones are not kept, but for its end. */
export const mostEvents = 500;

/** What counts against `ProposalLimits.bytes`. */
export function proposalBytes({ files, note }: Pick<Proposal, "files" | "note">): number {
  const ofFile = ({ signed, signatures }: ProposalFile) =>
    signatures.reduce((total, { signature }) => total + signature.length, signed.length);
  return files.reduce((total, file) => total + ofFile(file), note.length);
}

/** How an open proposal ends when its base moves at an instant. */
export function endOfBase(
  proposal: Pick<ProposalSummary, "complete" | "expiresAt">,
  at: number,
  what: string,
): { readonly kind: "expired" | "superseded"; readonly reason: string } {
  const isOver = stateAt({ ...proposal, state: "open" }, at) === "expired";
  return isOver ? { kind: "expired", reason: "" } : { kind: "superseded", reason: what };
}

/** What a publication or removal writes into the proposals that it ends. */
export function supersededBy(files: readonly { readonly role: string; readonly version: number }[]): string {
  const named = files.filter(({ role }) => role !== "snapshot" && role !== "timestamp").slice(0, 20);
  return named.map(({ role, version }) => `${role} ${version}`).join(", ");
}
export const supersededByRemoval = "the repository was deleted";
