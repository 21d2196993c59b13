/**
 * The store in memory: the same contract without durability. Everything is gone when the process ends, and
 * nothing is shared with another process. For tests and for trying things out.
 *
 * Every change is checked whole before its first effect, and no change waits in the middle, so that each is
 * visible whole or not at all.
 */
import { StoreError } from "../core/errors.ts";
import { accessChanges, accessReads } from "./bounds/access-door.ts";
import * as auditBounds from "./bounds/audit.ts";
import * as proposalBounds from "./bounds/proposals.ts";
import * as bounds from "./bounds.ts";
import type { AuditStore } from "./contract/audit.ts";
import type { ProposalStore } from "./contract/proposals.ts";
import type { Store } from "./contract/store.ts";
import { MemoryAccess } from "./memory/access.ts";
import { MemoryAudit } from "./memory/audit.ts";
import { memoryHistory } from "./memory/history.ts";
import { memoryImports } from "./memory/imports.ts";
import { MemoryKeys } from "./memory/keys.ts";
import { memoryOutbox } from "./memory/outbox.ts";
import { MemoryProposals } from "./memory/proposals.ts";
import { memoryRegister } from "./memory/register.ts";
import { MemoryRepositories } from "./memory/repositories.ts";
import { memoryRetention } from "./memory/retention.ts";
import { keyringLost, keyringMoved } from "./refusals.ts";

export function openMemory(): Store {
  const repositories = new MemoryRepositories();
  const audit = new MemoryAudit();
  const proposals = new MemoryProposals(
    (repository, role) => repositories.versionOf(repository, role),
    (record) => void audit.append(record),
  );
  const keys = new MemoryKeys((repository) => proposals.hasOpen(repository));
  const access = new MemoryAccess((given) => void audit.append(given));
  let record: Uint8Array | undefined;
  let open = true;

  function checkOpen(): void {
    if (!open) throw new StoreError("STORE_UNAVAILABLE", "The store is closed.");
  }

  return {
    proposals: proposalsOf(proposals, checkOpen),
    outbox: memoryOutbox(checkOpen),
    retention: memoryRetention(repositories, checkOpen, (record) => void audit.append(record)),
    access: {
      ...accessReads(access, (question) => {
        checkOpen();
        return question();
      }),
      ...accessChanges((operation, request) => {
        checkOpen();
        return Promise.resolve(access[operation](request as never)) as never;
      }),
    },
    audit: auditOf(audit, checkOpen),
    history: memoryHistory(repositories, checkOpen),
    register: memoryRegister(checkOpen, (record) => void audit.append(record)),
    imports: memoryImports({ repositories, keys, audit }, checkOpen),
    async state(repository) {
      bounds.checkName(repository);
      checkOpen();
      return repositories.state(repository);
    },
    current(repository, role) {
      bounds.checkName(repository);
      bounds.checkName(role);
      checkOpen();
      return repositories.current(repository, role);
    },
    byVersion(repository, role, version) {
      bounds.checkName(repository);
      bounds.checkName(role);
      checkOpen();
      return repositories.past(repository, role, (file) => file.version === version);
    },
    byDigest(repository, role, sha256) {
      bounds.checkName(repository);
      bounds.checkName(role);
      checkOpen();
      return repositories.past(repository, role, (file) => file.sha256 === sha256);
    },
    async commit(publication) {
      bounds.checkPublication(publication);
      checkOpen();
      repositories.checkPublication(publication);
      proposals.checkPublication(publication);
      keys.activate(publication.repository, publication.activateKeys);
      keys.hold(publication.repository, publication.imported?.keys ?? []);
      const committed = repositories.publish(publication);
      audit.append(publication.audit);
      proposals.afterPublication(publication);
      return committed;
    },
    async remove(removal) {
      bounds.checkRemoval(removal);
      checkOpen();
      if (!repositories.remove(removal.repository, removal.at, removal.principal)) return false;
      audit.append(removal.audit);
      keys.removeAll(removal.repository);
      proposals.afterRemoval(removal);
      return true;
    },
    async raiseFloor(request) {
      bounds.checkFloor(request);
      checkOpen();
      repositories.raiseFloor(request);
      audit.append(request.audit);
    },
    async changes(query) {
      bounds.checkChangeQuery(query);
      checkOpen();
      return repositories.changes(query);
    },
    async repositories({ after, limit }) {
      if (after !== undefined) bounds.checkName(after);
      bounds.checkLimit(limit, bounds.maxPage);
      checkOpen();
      return repositories.names(after, limit);
    },
    async claimDue({ now, leaseUntil, limit }) {
      bounds.checkInstant(now);
      bounds.checkInstant(leaseUntil);
      bounds.checkLimit(limit, bounds.maxClaim);
      checkOpen();
      return repositories.claimDue(now, leaseUntil, limit);
    },
    async postpone({ repository, revision, renewAt }) {
      bounds.checkName(repository);
      if (renewAt !== undefined) bounds.checkInstant(renewAt);
      checkOpen();
      repositories.postpone(repository, revision, renewAt);
    },
    async oldestDue() {
      checkOpen();
      return repositories.oldestDue();
    },
    async onlineKeys(repository, keyIds) {
      bounds.checkName(repository);
      bounds.checkKeyIds(keyIds);
      checkOpen();
      return keys.byId(repository, keyIds);
    },
    async pendingKey(repository, role, limits) {
      bounds.checkName(repository);
      bounds.checkPendingLimits(limits);
      checkOpen();
      return keys.pending(repository, role, limits);
    },
    async addPendingKey(key, limits, record) {
      bounds.checkOnlineKey(key);
      bounds.checkPendingLimits(limits);
      bounds.checkAuditRecord(record, key.repository);
      checkOpen();
      const { stored, isNew } = keys.addPending(key, limits);
      if (isNew) audit.append(record);
      return stored;
    },
    async otherUsers(repository, materials) {
      bounds.checkName(repository);
      bounds.checkKeyIds(materials);
      checkOpen();
      return repositories.otherUsers(repository, materials);
    },
    async keyring() {
      checkOpen();
      return record;
    },
    async createKeyring(proposed) {
      bounds.checkRecord(proposed);
      checkOpen();
      if (record === undefined && !keys.isEmpty()) throw keyringLost();
      record ??= Uint8Array.from(proposed);
      return record;
    },
    async replaceKeyring(change) {
      bounds.checkKeyringChange(change);
      checkOpen();
      if (record === undefined || Buffer.compare(record, change.expected) !== 0) throw keyringMoved();
      record = Uint8Array.from(change.record);
      audit.append(change.audit);
    },
    changesElsewhere() {
      return 0;
    },
    standing(repository) {
      bounds.checkName(repository);
      checkOpen();
      return repositories.standing(repository);
    },
    async check() {
      checkOpen();
    },
    async close() {
      open = false;
    },
  };
}

function proposalsOf(proposals: MemoryProposals, checkOpen: () => void): ProposalStore {
  return {
    async open(proposal, limits) {
      proposalBounds.checkNewProposal(proposal);
      proposalBounds.checkProposalLimits(limits);
      checkOpen();
      return proposals.open(proposal, limits);
    },
    async get(repository, id) {
      proposalBounds.checkPlace(repository, id);
      checkOpen();
      return proposals.get(repository, id);
    },
    async revision(repository, id) {
      proposalBounds.checkPlace(repository, id);
      checkOpen();
      return proposals.get(repository, id)?.revision;
    },
    async list(query) {
      proposalBounds.checkProposalQuery(query);
      checkOpen();
      return proposals.list(query);
    },
    async change(change) {
      proposalBounds.checkProposalChange(change);
      checkOpen();
      return proposals.change(change);
    },
    async attention({ now, limit }) {
      bounds.checkInstant(now);
      bounds.checkLimit(limit, proposalBounds.maxProposalPage);
      checkOpen();
      return proposals.attention(now, limit);
    },
    async forget({ settledBefore, limit }) {
      bounds.checkInstant(settledBefore);
      bounds.checkLimit(limit, proposalBounds.maxProposalPage);
      checkOpen();
      return proposals.forget(settledBefore, limit);
    },
    async countOpen(now) {
      bounds.checkInstant(now);
      checkOpen();
      return proposals.countOpen(now);
    },
  };
}

function auditOf(audit: MemoryAudit, checkOpen: () => void): AuditStore {
  return {
    async append(record) {
      bounds.checkAuditRecord(record);
      checkOpen();
      return audit.append(record);
    },
    async head() {
      checkOpen();
      return audit.head();
    },
    async list(query) {
      auditBounds.checkAuditQuery(query);
      checkOpen();
      return audit.list(query);
    },
    async countRefusals(counts) {
      auditBounds.checkRefusalCounts(counts);
      checkOpen();
      audit.countRefusals(counts);
    },
    async refusals() {
      checkOpen();
      return audit.refusals();
    },
    async settleRefusals(request) {
      auditBounds.checkSettling(request);
      checkOpen();
      return audit.settleRefusals(request);
    },
    async key() {
      checkOpen();
      return audit.key();
    },
    async createKey(key) {
      auditBounds.checkAuditKey(key);
      checkOpen();
      return audit.createKey(key);
    },
  };
}
