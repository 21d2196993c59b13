/**
 * The store of a reader: reads are its own, on a connection that cannot write; changes are requests to the writer.
 *
 * A change that was answered is seen by every read that starts afterwards, here and in every other reader: all of them
 * look at the same file, and the writer answers after its commit.
 */
import { StoreError } from "../core/errors.ts";
import { accessChanges } from "../store/bounds/access-door.ts";
import * as auditBounds from "../store/bounds/audit.ts";
import * as outboxBounds from "../store/bounds/outbox.ts";
import * as proposalBounds from "../store/bounds/proposals.ts";
import * as registerBounds from "../store/bounds/register.ts";
import * as retentionBounds from "../store/bounds/retention.ts";
import * as bounds from "../store/bounds.ts";
import type { Store } from "../store/contract/store.ts";
import { type Ask, storeValue } from "./answer.ts";

/** `local`: opened for reading only; closing this closes it. */
export function remoteStore(local: Store, ask: Ask): Store {
  let open = true;

  async function change<T>(operation: string, argument: unknown): Promise<T> {
    if (!open) throw new StoreError("STORE_UNAVAILABLE", "The store is closed.");
    return storeValue<T>(await ask(`store.${operation}`, argument), true);
  }

  /** Bounds are checked here, as every store does, before the writer is troubled. */
  function checked<Request, T>(
    operation: string,
    check: (request: Request) => void,
  ): (request: Request) => Promise<T> {
    return async (request) => {
      check(request);
      return await change<T>(operation, request);
    };
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
      change: checked("proposals.change", proposalBounds.checkProposalChange),
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
      claim: checked("outbox.claim", outboxBounds.checkClaim),
      settle: checked("outbox.settle", outboxBounds.checkOutcome),
      forget: checked("outbox.forget", outboxBounds.checkForget),
    },
    register: {
      ...local.register,
      put: checked("register.put", registerBounds.checkRegistered),
      deny: checked("register.deny", registerBounds.checkDenial),
      lift: checked("register.lift", registerBounds.checkLift),
    },
    retention: {
      ...local.retention,
      remove: checked("retention.remove", retentionBounds.checkRetention),
    },
    audit: {
      ...local.audit,
      append: checked("audit.append", bounds.checkAuditRecord),
      countRefusals: checked("audit.countRefusals", auditBounds.checkRefusalCounts),
      settleRefusals: checked("audit.settleRefusals", auditBounds.checkSettling),
      createKey: checked("audit.createKey", auditBounds.checkAuditKey),
    },
    imports: {
      ...local.imports,
      addHistory: checked("imports.addHistory", bounds.checkHistory),
      holdKeys: checked("imports.holdKeys", bounds.checkHeldKeys),
    },
    commit: checked("commit", bounds.checkPublication),
    remove: checked("remove", bounds.checkRemoval),
    raiseFloor: checked("raiseFloor", bounds.checkFloor),
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
    createKeyring: checked("createKeyring", bounds.checkRecord),
    replaceKeyring: checked("replaceKeyring", bounds.checkKeyringChange),
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
