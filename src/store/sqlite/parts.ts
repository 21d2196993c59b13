/** The parts of the store that have a contract of their own, with their bounds, over how questions and changes are put. */

import * as auditBounds from "../bounds/audit.ts";
import * as proposalBounds from "../bounds/proposals.ts";
import * as bounds from "../bounds.ts";
import type { AuditStore } from "../contract/audit.ts";
import type { ProposalStore } from "../contract/proposals.ts";
import type { AuditChanges, prepareAuditReads } from "./audit.ts";
import type { prepareProposalReads } from "./proposal-reads.ts";
import type { ProposalChanges } from "./proposals.ts";

/** How a question and a change are put to the database. */
export interface Ways {
  read<T>(question: () => T): T;
  change<T>(work: () => T): Promise<T>;
}

export function proposalsOf(
  reads: ReturnType<typeof prepareProposalReads>,
  changes: ProposalChanges,
  { read, change }: Ways,
): ProposalStore {
  return {
    async open(proposal, limits) {
      proposalBounds.checkNewProposal(proposal);
      proposalBounds.checkProposalLimits(limits);
      return change(() => changes.open(proposal, limits));
    },
    async get(repository, id) {
      proposalBounds.checkPlace(repository, id);
      return read(() => reads.get(repository, id));
    },
    async revision(repository, id) {
      proposalBounds.checkPlace(repository, id);
      return read(() => reads.revision(repository, id));
    },
    async list(query) {
      proposalBounds.checkProposalQuery(query);
      return read(() => reads.list(query));
    },
    async change(request) {
      proposalBounds.checkProposalChange(request);
      return change(() => changes.change(request));
    },
    async attention({ now, limit }) {
      bounds.checkInstant(now);
      bounds.checkLimit(limit, proposalBounds.maxProposalPage);
      return read(() => reads.attention(now, limit));
    },
    async forget({ settledBefore, limit }) {
      bounds.checkInstant(settledBefore);
      bounds.checkLimit(limit, proposalBounds.maxProposalPage);
      return change(() => changes.forget(settledBefore, limit));
    },
    async countOpen(now) {
      bounds.checkInstant(now);
      return read(() => reads.countOpen(now));
    },
  };
}

export function auditOf(
  reads: ReturnType<typeof prepareAuditReads>,
  changes: AuditChanges,
  { read, change }: Ways,
): AuditStore {
  return {
    async append(record) {
      bounds.checkAuditRecord(record);
      return change(() => changes.append(record));
    },
    async head() {
      return read(() => reads.head());
    },
    async list(query) {
      auditBounds.checkAuditQuery(query);
      return read(() => reads.list(query));
    },
    async countRefusals(counts) {
      auditBounds.checkRefusalCounts(counts);
      return change(() => changes.countRefusals(counts));
    },
    async refusals() {
      return read(() => reads.refusals());
    },
    async settleRefusals(request) {
      auditBounds.checkSettling(request);
      return change(() => changes.settleRefusals(request));
    },
    async key() {
      return read(() => reads.key());
    },
    async createKey(key) {
      auditBounds.checkAuditKey(key);
      return change(() => changes.createKey(key));
    },
  };
}
