/**
 * The proposals of one name: the bytes that people sign, and for open ones that they still rest on what is published and
 * that every signature counts. Those of settled ones are a memory: the keys that they were made with may be gone.
 */
import { VidimusError } from "../../core/errors.ts";
import type { FormatRules } from "../../core/format/format.ts";
import type { UsableKey } from "../../core/keys.ts";
import type { Metadata, SignatureEntry } from "../../core/model.ts";
import {
  baseRoles,
  type ProposalScope,
  type Requirement,
  readProposedFile,
  requirementsOf,
  standingOf,
} from "../../core/proposal.ts";
import { proposalDigest } from "../../core/rejection.ts";
import { countSignatures } from "../../core/threshold.ts";
import type { ProposalRow, RepositoryRows } from "../../store/contract/inspection.ts";
import { isBacked, mostEvents } from "../../store/contract/proposals.ts";
import type { Report } from "./damage.ts";
import { recordFault } from "./proposal-record.ts";
import { endNotTold } from "./trail.ts";

const cancel = "cancel it and open it anew, or restore the store from a backup.";

export interface ProposalExamination {
  readonly format: FormatRules;
  /** Now. */
  readonly at: number;
}

/** What is published under the name, as far as it is trusted. */
export type Published = Pick<ProposalScope, "root" | "targets">;

/** `published`: undefined if it is damaged, so that nothing can be held against it. */
export function checkProposals(
  rows: RepositoryRows,
  { format, at }: ProposalExamination,
  published: Published | undefined,
  report: Report,
): void {
  const current = new Map(rows.pointers().map(({ role, version }) => [role, version ?? 0]));
  for (let row = rows.proposal(0); row !== undefined; row = rows.proposal(row.place)) {
    const fault = recordFault(row, at);
    if (fault !== undefined) {
      report("PROPOSAL_RECORD_WRONG", {}, `The record of proposal ${row.id} ${fault}: ${cancel}`);
    }
    if (endNotTold(rows, row)) {
      const why = `The audit trail does not tell how proposal ${row.id} ended, or tells something else: restore the store from a backup.`;
      report("TRAIL_INCOMPLETE", {}, why);
    }
    const files = checkFiles(row, format, report);
    if (row.state !== "open" || !isCurrent(row, current, report)) continue;
    if (files === undefined || published === undefined) continue;
    const scope = { format, repository: rows.name, ...published, at: undefined };
    const isDenied = (key: UsableKey) => rows.wasDenied(key.canonicalId);
    checkStanding(row, files, scope, { at, isDenied }, report);
  }
}

/** The files, if they are those that were opened. */
function checkFiles(
  { id, digest, files, base }: ProposalRow,
  format: FormatRules,
  report: Report,
): ReadonlyMap<string, Metadata> | undefined {
  const read = new Map<string, Metadata>();
  for (const { role, version, signed } of files) {
    const file = readFile(format, role, signed);
    if (file?.signed.version === version) {
      read.set(role, file);
      continue;
    }
    const why = `What proposal ${id} has for ${role} is not version ${version} of it: ${cancel}`;
    report("PROPOSAL_ALTERED", { role, version }, why);
  }
  const isWhole = proposalDigest(files) === digest;
  if (!isWhole) {
    report("PROPOSAL_ALTERED", {}, `The files of proposal ${id} are not those that were opened: ${cancel}`);
  }
  const rests = baseRoles(files.map(({ role }) => role));
  const isBased = base.size === rests.length && rests.every((role) => base.has(role));
  if (!isBased) {
    const why = `Proposal ${id} does not rest on the roles that its files rest on, so a change of one may be missed: ${cancel}`;
    report("PROPOSAL_ALTERED", {}, why);
  }
  return isWhole && isBased && read.size === files.length ? read : undefined;
}

function readFile(format: FormatRules, role: string, signed: Uint8Array): Metadata | undefined {
  try {
    return readProposedFile(format, role, signed);
  } catch (error) {
    if (error instanceof VidimusError) return undefined;
    throw error;
  }
}

function isCurrent({ id, base }: ProposalRow, current: ReadonlyMap<string, number>, report: Report): boolean {
  let all = true;
  for (const [role, version] of base) {
    const now = current.get(role) ?? 0;
    if (now === version) continue;
    const why = `The open proposal ${id} rests on version ${version} of ${role}, and ${now} is current: ${cancel}`;
    report("PROPOSAL_STALE", { role, version }, why);
    all = false;
  }
  return all;
}

/**
 * `scope` is of no instant: a certificate may have expired since it signed. A key that is denied does not count when others sign,
 * and counts again once that is lifted, which nobody has to have noticed yet: without it nothing was ever met.
 */
function checkStanding(
  row: ProposalRow,
  files: ReadonlyMap<string, Metadata>,
  scope: ProposalScope,
  { at, isDenied }: { readonly at: number; readonly isDenied: (key: UsableKey) => boolean },
  report: Report,
): void {
  for (const { role, keyId } of row.signatures) {
    if (files.has(role)) continue;
    const why = `Proposal ${row.id} has a signature by ${keyId} for ${role}, of which it has no file: ${cancel}`;
    report("PROPOSAL_SIGNATURE_WRONG", { role }, why);
  }
  let [everMet, metNow] = [true, true];
  for (const [role, bare] of files) {
    const file = { ...bare, signatures: row.signatures.filter((each) => each.role === role) };
    const needs = needsOf(role, files, scope);
    // Who vouches for it is not to be had: nobody can say what it needs.
    if (needs === undefined) return;
    for (const entry of file.signatures) {
      if (counts(file, entry, needs)) continue;
      const why = `A signature of proposal ${row.id} by ${entry.keyId} does not count: its key does not vouch for it, or cannot sign this ${role}: ${cancel}`;
      report("PROPOSAL_SIGNATURE_WRONG", { role, version: file.signed.version }, why);
    }
    const isMet = (all: readonly Requirement[] | undefined) =>
      all?.every((each) => standingOf(file, each).met);
    everMet &&= isMet(needs) === true;
    const undenied = needsOf(role, files, { ...scope, at })?.map(({ accept, ...rest }) => ({
      ...rest,
      accept: (key: UsableKey) => accept(key) && !isDenied(key),
    }));
    metNow &&= isMet(undenied) === true;
  }
  const fault = completeFault(row, everMet, metNow);
  if (fault !== undefined) {
    report("PROPOSAL_RECORD_WRONG", {}, `Proposal ${row.id} ${fault}: ${cancel}`);
  }
}

function needsOf(
  role: string,
  files: ReadonlyMap<string, Metadata>,
  scope: ProposalScope,
): readonly Requirement[] | undefined {
  try {
    return requirementsOf(role, files, scope);
  } catch (error) {
    if (error instanceof VidimusError && error.family === "unauthentic") return undefined;
    throw error;
  }
}

function counts({ message }: Metadata, entry: SignatureEntry, needs: readonly Requirement[]): boolean {
  const file = { message, signatures: [entry] };
  return needs.some(({ keys, accept }) => countSignatures(file, keys, accept).signed.length > 0);
}

/** One that could not be published is not complete any more, and has the reason; one that nobody backs waits for somebody who may publish. */
function completeFault(
  { complete, reason, events }: ProposalRow,
  everMet: boolean,
  metNow: boolean,
): string | undefined {
  if (complete && !everMet) return "is marked as complete, and lacks signatures";
  // Later events are not kept.
  const isUnbacked = events.length < mostEvents && !isBacked({ events });
  if (complete && isUnbacked) return "is marked as complete, and nobody who may publish has taken part";
  if (!complete && metNow && reason === "" && !isUnbacked) {
    return "has every signature and is not marked as complete, so it waits for nothing";
  }
  return undefined;
}
