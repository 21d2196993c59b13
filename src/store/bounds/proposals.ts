/** The bounds of proposals, checked as `bounds.ts` says. */
import {
  checkAuditRecord,
  checkInstant,
  checkLimit,
  checkName,
  demand,
  isText,
  isVersion,
  maxPrincipal,
} from "../bounds.ts";
import {
  type NewProposal,
  type ProposalChange,
  type ProposalFile,
  type ProposalLimits,
  type ProposalQuery,
  type ProposalSignature,
  proposalStates,
} from "../contract/proposals.ts";

export const maxProposalPage = 200;
const maxId = 64;
const maxKeyId = 128;
const maxNote = 16_384;
const maxRelease = 1_024;
const maxFiles = 1_000;
const maxSignatures = 1_000;
const maxSignature = 16_384;

export function checkId(id: string): void {
  demand(isText(id, maxId) && id.length > 0, "an ID of a proposal");
}

export function checkPlace(repository: string, id: string): void {
  checkName(repository);
  checkId(id);
}

export function checkNewProposal(proposal: NewProposal): void {
  const { files, base } = proposal;
  checkPlace(proposal.repository, proposal.id);
  checkInstant(proposal.openedAt);
  checkInstant(proposal.expiresAt);
  checkAuditRecord(proposal.audit, proposal.repository);
  demand(isText(proposal.openedBy, maxPrincipal), "a principal");
  demand(isText(proposal.note, maxNote) && isText(proposal.release, maxRelease), "a note or release");
  demand(isText(proposal.digest, 64), "a digest");
  demand(files.length >= 1 && files.length <= maxFiles, "files");
  demand(new Set(files.map(({ role }) => role)).size === files.length, "a role twice");
  for (const file of files) checkFile(file);
  for (const [role, version] of base) {
    checkName(role);
    demand(version === 0 || isVersion(version), "a version");
  }
}

function checkFile({ role, version, signed, signatures }: ProposalFile): void {
  checkName(role);
  demand(isVersion(version), "a version");
  demand(signed instanceof Uint8Array, "bytes");
  demand(signatures.length <= maxSignatures, "signatures");
  demand(new Set(signatures.map(({ keyId }) => keyId)).size === signatures.length, "a key ID twice");
  for (const signature of signatures) checkSignature(signature);
}

function checkSignature({ keyId, method, signature }: ProposalSignature): void {
  demand(isText(keyId, maxKeyId) && isText(method, maxKeyId), "a key ID or method");
  demand(signature instanceof Uint8Array && signature.length <= maxSignature, "a signature");
}

export function checkProposalLimits(limits: ProposalLimits): void {
  for (const limit of [limits.openHere, limits.openInAll, limits.settled, limits.bytes]) {
    demand(Number.isSafeInteger(limit) && limit >= 0, "a limit");
  }
}

export function checkProposalChange(change: ProposalChange): void {
  checkPlace(change.repository, change.id);
  demand(Number.isSafeInteger(change.expectedRevision), "a revision");
  checkInstant(change.at);
  checkAuditRecord(change.audit, change.repository);
  demand(isText(change.principal, maxPrincipal), "a principal");
  demand(isText(change.reason, maxNote) && isText(change.event.detail, maxNote), "a reason");
  demand(change.signatures.length <= maxSignatures, "signatures");
  for (const signature of change.signatures) {
    checkName(signature.role);
    checkSignature(signature);
  }
}

export function checkProposalQuery(query: ProposalQuery): void {
  if (query.repository !== undefined) checkName(query.repository);
  if (query.release !== undefined) checkName(query.release);
  if (query.before !== undefined) checkId(query.before);
  demand(query.state === undefined || proposalStates.includes(query.state), "a state");
  checkInstant(query.now);
  checkLimit(query.limit, maxProposalPage);
}
