/**
 * The store of a reader: reads are its own, on a connection that cannot write; changes are requests to the writer.
 *
 * A change that was answered is seen by every read that starts afterwards, here and in every other reader: all of them
 * look at the same file, and the writer answers after its commit.
 */
import { StoreError } from "../core/errors.ts";
import * as bounds from "../store/bounds.ts";
import * as proposalBounds from "../store/proposal-bounds.ts";
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
      bounds.checkRemoval(request.repository, request.at, request.principal);
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
    async addPendingKey(key, limits) {
      bounds.checkOnlineKey(key);
      bounds.checkPendingLimits(limits);
      return await change("addPendingKey", { key, limits });
    },
    async createKeyring(record) {
      bounds.checkRecord(record);
      return await change("createKeyring", record);
    },
    async replaceKeyring(keyrings) {
      bounds.checkRecord(keyrings.expected);
      bounds.checkRecord(keyrings.record);
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
