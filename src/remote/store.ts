/**
 * The store of a reader: reads are its own, on a connection that cannot write; changes are requests to the writer.
 *
 * A change that was answered is seen by every read that starts afterwards, here and in every other reader: all of them
 * look at the same file, and the writer answers after its commit.
 */
import { StoreError } from "../core/errors.ts";
import { accessChanges } from "../store/access-door.ts";
import * as auditBounds from "../store/audit-bounds.ts";
import * as bounds from "../store/bounds.ts";
import * as outboxBounds from "../store/outbox-bounds.ts";
import * as proposalBounds from "../store/proposal-bounds.ts";
import * as registerBounds from "../store/register-bounds.ts";
import * as retentionBounds from "../store/retention-bounds.ts";
import type { Store } from "../store/store.ts";
import { type Ask, storeValue } from "./answer.ts";

/** `local`: opened for reading only; closing this closes it. */
export function remoteStore(local: Store, ask: Ask): Store {
  let open = true;

  async function change<T>(operation: string, argument: unknown): Promise<T> {
    if (!open) throw new StoreError("STORE_UNAVAILABLE", "The store is closed.");
    return storeValue<T>(await ask(`store.${operation}`, argument), true);
  }

  return {
    ...local,
    access: {
      ...local.access,
      ...accessChanges((operation, request) => change(`access.${operation}`, request) as never),
    },
    proposals: {
      ...local.proposals,
      async open(proposal, limits) {
        proposalBounds.checkNewProposal(proposal);
        proposalBounds.checkProposalLimits(limits);
        return await change("proposals.open", { proposal, limits });
      },
      async change(request) {
        proposalBounds.checkProposalChange(request);
        return await change("proposals.change", request);
      },
      async forget(request) {
        bounds.checkInstant(request.settledBefore);
        bounds.checkLimit(request.limit, proposalBounds.maxProposalPage);
        return await change("proposals.forget", request);
      },
    },
    outbox: {
      ...local.outbox,
      async add(entry, receivers, limits) {
        outboxBounds.checkEntry(entry, receivers, limits);
        return await change("outbox.add", { entry, receivers, limits });
      },
      async claim(query) {
        outboxBounds.checkClaim(query);
        return await change("outbox.claim", query);
      },
      async settle(outcome) {
        outboxBounds.checkOutcome(outcome);
        return await change("outbox.settle", outcome);
      },
      async forget(request) {
        outboxBounds.checkForget(request);
        return await change("outbox.forget", request);
      },
    },
    register: {
      ...local.register,
      async put(entry) {
        registerBounds.checkRegistered(entry);
        await change("register.put", entry);
      },
      async deny(denial) {
        registerBounds.checkDenial(denial);
        return await change("register.deny", denial);
      },
      async lift(request) {
        registerBounds.checkLift(request);
        return await change("register.lift", request);
      },
    },
    retention: {
      ...local.retention,
      async remove(request) {
        retentionBounds.checkRetention(request);
        return await change("retention.remove", request);
      },
    },
    audit: {
      ...local.audit,
      async append(record) {
        bounds.checkAuditRecord(record);
        return await change("audit.append", record);
      },
      async countRefusals(counts) {
        auditBounds.checkRefusalCounts(counts);
        return await change("audit.countRefusals", counts);
      },
      async settleRefusals(request) {
        auditBounds.checkSettling(request);
        return await change("audit.settleRefusals", request);
      },
      async createKey(key) {
        auditBounds.checkAuditKey(key);
        return await change("audit.createKey", key);
      },
    },
    imports: {
      ...local.imports,
      async addHistory(request) {
        bounds.checkHistory(request);
        return await change("imports.addHistory", request);
      },
      async holdKeys(request) {
        bounds.checkHeldKeys(request);
        return await change("imports.holdKeys", request);
      },
    },
    async commit(publication) {
      bounds.checkPublication(publication);
      return await change("commit", publication);
    },
    async remove(request) {
      bounds.checkRemoval(request);
      return await change("remove", request);
    },
    async raiseFloor(request) {
      bounds.checkFloor(request);
      return await change("raiseFloor", request);
    },
    async claimDue(query) {
      bounds.checkInstant(query.now);
      bounds.checkInstant(query.leaseUntil);
      bounds.checkLimit(query.limit, bounds.maxClaim);
      return await change("claimDue", query);
    },
    async postpone(request) {
      bounds.checkName(request.repository);
      if (request.renewAt !== undefined) bounds.checkInstant(request.renewAt);
      return await change("postpone", request);
    },
    async addPendingKey(key, limits, audit) {
      bounds.checkOnlineKey(key);
      bounds.checkPendingLimits(limits);
      bounds.checkAuditRecord(audit, key.repository);
      return await change("addPendingKey", { key, limits, audit });
    },
    async createKeyring(record) {
      bounds.checkRecord(record);
      return await change("createKeyring", record);
    },
    async replaceKeyring(keyrings) {
      bounds.checkKeyringChange(keyrings);
      return await change("replaceKeyring", keyrings);
    },
    async check() {
      await local.check();
      storeValue(await ask("store.check", undefined), false);
    },
    async close() {
      open = false;
      await local.close();
    },
  };
}
