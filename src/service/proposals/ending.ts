/**
 * How proposals end: published when nothing is missing, expired when their time is over.
 *
 * Whoever fails to publish reads what became of the proposal: another may have published it, and a commit of which nobody
 * knows whether it happened is known there. Where it is still open, what passes (`passes`) is tried again by the next touch or
 * sweep, for whoever asks to publish has marked it as complete; any other refusal is written into the proposal and waits for
 * somebody to ask.
 */
import { LRUCache } from "lru-cache";
import type { Logger } from "pino";
import { VidimusError } from "../../core/errors.ts";
import type { FormatRules } from "../../core/format/format.ts";
import type { Proposal, ProposalSummary } from "../../store/contract/proposals.ts";
import type { Store } from "../../store/contract/store.ts";
import type { Clock } from "../clock.ts";
import { ownPrincipal, type Principal } from "../principal.ts";
import type { Publisher } from "../publish.ts";
import { isConflict, type ProposalAccess, passes } from "./access.ts";
import type { ProposalSettings } from "./proposal-service.ts";

export interface EndingParts {
  readonly store: Pick<Store, "proposals">;
  readonly format: Pick<FormatRules, "seal">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly publisher: Pick<Publisher, "publish">;
  readonly settings: Pick<ProposalSettings, "kept">;
}

/** What became of an attempt to publish: the proposal as it is then, with a reason that is not kept if it may pass. */
export type Outcome = Proposal;

/** Proposals of one look. */
const batch = 200;
/** Who has so long, in milliseconds, is told of once by each process. */
const soon = 86_400_000;
/** Characters of a reason that is kept. */
const maxReason = 1_000;

export class ProposalEnding {
  readonly #parts: EndingParts;
  readonly #access: ProposalAccess;
  readonly #told = new LRUCache<string, true>({ max: 10_000 });
  published = 0;
  expired = 0;

  constructor(parts: EndingParts, access: ProposalAccess) {
    this.#parts = parts;
    this.#access = access;
  }

  /** By the ordinary procedure, once, whoever else tries. */
  async publish(repository: string, id: string, principal: Principal): Promise<Outcome> {
    const { format, publisher } = this.#parts;
    const proposal = await this.#access.find(repository, id);
    if (proposal.state !== "open") return proposal;
    const sealed = proposal.files.map(({ role, signed, signatures }) => ({
      role,
      bytes: format.seal(signed, signatures),
    }));
    try {
      await publisher.publish(repository, sealed, principal, id);
    } catch (error) {
      return await this.#notPublished(proposal, principal, error);
    }
    this.published += 1;
    this.#access.log(repository, id).info({ principal: principal.name }, "proposal published");
    return await this.#access.find(repository, id);
  }

  /** Publishes what is complete, writes down what is over, forgets what is old: a bounded number. Never rejects. */
  async tend(): Promise<void> {
    const { store, clock, logger, settings } = this.#parts;
    try {
      const now = clock.now();
      for (const each of await store.proposals.attention({ now, limit: batch })) {
        if (each.complete) await this.publish(each.repository, each.id, ownPrincipal);
        else await this.#expire(each);
      }
      for (const each of await store.proposals.attention({ now: now + soon, limit: batch })) this.#tell(each);
      await store.proposals.forget({ settledBefore: now - settings.kept, limit: batch });
    } catch (error) {
      logger.error({ err: error }, "looking after proposals failed; trying again later");
    }
  }

  async #notPublished(before: Proposal, principal: Principal, error: unknown): Promise<Outcome> {
    const { repository, id } = before;
    const now = await this.#access.find(repository, id);
    if (now.state !== "open") return now;
    if (!(error instanceof VidimusError)) throw error;
    const reason = `${error.code}: ${error.message}`.slice(0, maxReason);
    this.#access.log(repository, id).warn({ code: error.code }, "a complete proposal could not be published");
    if (passes(error)) return { ...now, reason };
    try {
      const event = { kind: "failed", detail: reason } as const;
      await this.#access.change(now, principal, { complete: false, reason, event });
    } catch (conflict) {
      if (!isConflict(conflict)) throw conflict;
    }
    return await this.#access.find(repository, id);
  }

  async #expire(proposal: ProposalSummary): Promise<void> {
    try {
      const event = { kind: "expired", detail: "" } as const;
      await this.#access.change(proposal, ownPrincipal, { settle: "expired", reason: "", event });
    } catch (error) {
      // Somebody else was faster.
      if (isConflict(error)) return;
      throw error;
    }
    this.expired += 1;
    this.#access.log(proposal.repository, proposal.id).info("proposal expired");
  }

  #tell({ repository, id, expiresAt }: ProposalSummary): void {
    if (this.#told.has(id)) return;
    this.#told.set(id, true);
    const expires = new Date(expiresAt).toISOString();
    this.#access.log(repository, id).warn({ expires }, "proposal expiring");
  }
}
