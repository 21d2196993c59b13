/** Proposals with made-up contents: the store never looks inside. */
import type { NewProposal, ProposalChange, ProposalLimits } from "../../src/store/contract/proposals.ts";
import { told } from "./publications.ts";

export function newProposal(id: string, changes: Partial<NewProposal> = {}): NewProposal {
  return {
    id,
    repository: "a",
    openedAt: 1_000,
    openedBy: "alice",
    expiresAt: 10_000,
    note: "a note",
    release: "",
    digest: "d".repeat(64),
    complete: false,
    base: new Map([
      ["root", 0],
      ["targets", 0],
    ]),
    opening: "opened",
    files: [{ role: "targets", version: 1, signed: Buffer.from("signed targets"), signatures: [] }],
    audit: told(changes.repository ?? "a", { kind: "proposal.opened" }),
    ...changes,
  };
}

export function signature(keyId: string, text = keyId) {
  return { keyId, method: "ecdsa", signature: Buffer.from(text) };
}

/** A change that adds nothing and leaves the proposal open. */
export function proposalChange(id: string, changes: Partial<ProposalChange> = {}): ProposalChange {
  return {
    repository: "a",
    id,
    expectedRevision: 1,
    at: 2_000,
    principal: "bob",
    signatures: [],
    complete: false,
    settle: undefined,
    reason: "",
    event: { kind: "signed", detail: "" },
    audit: told(changes.repository ?? "a", { kind: "proposal.signed" }),
    ...changes,
  };
}

export function room(changes: Partial<ProposalLimits> = {}): ProposalLimits {
  return { openHere: 100, openInAll: 100, settled: 100, bytes: 1_000_000, ...changes };
}
