/** Stored proposals: the bytes that people sign, and for open ones that they still rest on what is published. */
import { VidimusError } from "../../core/errors.ts";
import type { FormatRules } from "../../core/format/format.ts";
import { readProposedFile } from "../../core/proposal.ts";
import { proposalDigest } from "../../core/rejection.ts";
import type { ProposalRow } from "../../store/inspection.ts";
import type { Report } from "./damage.ts";

const cancel = "cancel it and open it anew, or restore the store from a backup.";

export function checkProposal(row: ProposalRow, format: FormatRules, report: Report): void {
  const { id, state, digest, files, base, current } = row;
  if (proposalDigest(files) !== digest) {
    report("PROPOSAL_ALTERED", {}, `The files of proposal ${id} are not those that were opened: ${cancel}`);
  }
  for (const { role, version, signed } of files) {
    if (isFile(format, role, version, signed)) continue;
    const why = `What proposal ${id} has for ${role} is not version ${version} of it: ${cancel}`;
    report("PROPOSAL_ALTERED", { role, version }, why);
  }
  if (state !== "open") return;
  for (const [role, version] of base) {
    const now = current.get(role) ?? 0;
    if (now === version) continue;
    const why = `The open proposal ${id} rests on version ${version} of ${role}, and ${now} is current: ${cancel}`;
    report("PROPOSAL_STALE", { role, version }, why);
  }
}

function isFile(format: FormatRules, role: string, version: number, signed: Uint8Array): boolean {
  try {
    return readProposedFile(format, role, signed).signed.version === version;
  } catch (error) {
    if (error instanceof VidimusError) return false;
    throw error;
  }
}
