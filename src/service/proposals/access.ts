/** Stored proposals: found or refused, and changed by compare-and-swap. */
import type { Logger } from "pino";
import { RefusedError, StoreError, type VidimusError } from "../../core/errors.ts";
import {
  type Proposal,
  type ProposalChange,
  type ProposalSummary,
  stateAt,
} from "../../store/contract/proposals.ts";
import type { Store } from "../../store/contract/store.ts";
import type { Clock } from "../clock.ts";
import type { Principal } from "../principal.ts";
import { recordOf, shortened } from "../trail/record.ts";

/** How often a change is tried on a newer state before its caller is told to try again. */
const attempts = 8;

type Place = Pick<ProposalSummary, "repository" | "id" | "revision" | "complete">;

export class ProposalAccess {
  readonly #store: Pick<Store, "proposals">;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor({ store, clock, logger }: { store: Pick<Store, "proposals">; clock: Clock; logger: Logger }) {
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Throws `NOT_FOUND`. */
  async find(repository: string, id: string): Promise<Proposal> {
    const found = await this.#store.proposals.get(repository, id);
    if (found !== undefined) return found;
    throw new RefusedError("NOT_FOUND", "This repository has no such proposal: list those that it has.");
  }

  /** Throws `NOT_FOUND`, `PROPOSAL_CLOSED`. */
  async findOpen(repository: string, id: string, at: number): Promise<Proposal> {
    const proposal = await this.find(repository, id);
    const state = stateAt(proposal, at);
    if (state === "open") return proposal;
    const why = proposal.reason === "" ? "" : ` (${proposal.reason})`;
    throw new RefusedError(
      "PROPOSAL_CLOSED",
      `This proposal is ${state}${why}: open a new one for what is published now.`,
      { detail: { state, reason: proposal.reason } },
    );
  }

  /** What `change` leaves out stays as it is. Throws `CONFLICT` if the proposal is not what was read any more. */
  async change(
    { repository, id, revision, complete }: Place,
    principal: Principal,
    change: Pick<ProposalChange, "reason" | "event"> &
      Partial<Pick<ProposalChange, "signatures" | "complete" | "settle">>,
  ): Promise<void> {
    const at = this.#clock.now();
    await this.#store.proposals.change({
      repository,
      id,
      expectedRevision: revision,
      at,
      principal: principal.name,
      signatures: [],
      complete,
      settle: undefined,
      ...change,
      audit: recordOf({
        at,
        principal,
        // Who may do what is not for the trail to say in two ways.
        kind: `proposal.${change.event.kind === "backed" ? "signed" : change.event.kind}`,
        repository,
        detail: {
          proposal: id,
          event: shortened(change.event.detail),
          reason: shortened(change.reason),
          complete: change.complete ?? complete,
        },
      }),
    });
  }

  log(repository: string, proposal: string): Logger {
    return this.#logger.child({ repository, proposal });
  }
}

/** Whoever loses a race sees what the winner made, and decides again. */
export async function retrying<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isConflict(error) || attempt === attempts) throw error;
    }
  }
}

export function isConflict(error: unknown): boolean {
  return error instanceof StoreError && error.code === "CONFLICT";
}

/**
 * Whether a refusal may be over by itself, so that the same is tried again: the store or the signer cannot be had, or there is
 * too much to do. Damage does not pass, and neither does what is wrong with the proposal or its repository.
 */
export function passes({ family, code }: VidimusError): boolean {
  if (code === "STORE_CORRUPT" || code === "SEALED_KEY_DAMAGED") return false;
  return family === "store" || family === "signer" || code === "OVERLOADED";
}
