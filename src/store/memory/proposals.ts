/** Proposals in memory. */
import { StoreError } from "../../core/errors.ts";
import { type AuditRecord, proposalEnd } from "../contract/audit.ts";
import {
  endOfBase,
  mostEvents,
  type NewProposal,
  type Proposal,
  type ProposalChange,
  type ProposalEvent,
  type ProposalFile,
  type ProposalLimits,
  type ProposalOpening,
  type ProposalQuery,
  type ProposalSummary,
  proposalBytes,
  stateAt,
  supersededBy,
  supersededByRemoval,
} from "../contract/proposals.ts";
import type { Publication, Removal } from "../contract/store.ts";

/** What ends a proposal without asking for that. */
type Cause = Pick<Publication | Removal, "at" | "principal" | "audit">;
type CurrentVersion = (repository: string, role: string) => number;

export class MemoryProposals {
  /** In the order in which they were opened. */
  readonly #proposals = new Map<string, Proposal>();
  readonly #currentVersion: CurrentVersion;
  readonly #append: (record: AuditRecord) => void;

  constructor(currentVersion: CurrentVersion, append: (record: AuditRecord) => void) {
    this.#currentVersion = currentVersion;
    this.#append = append;
  }

  open({ audit, opening, ...proposal }: NewProposal, limits: ProposalLimits): ProposalOpening {
    const { id, repository, openedAt, openedBy } = proposal;
    for (const [role, version] of proposal.base) {
      if (this.#currentVersion(repository, role) !== version) {
        throw new StoreError("CONFLICT", "The repository has moved on: read it again.");
      }
    }
    if (this.#openOf(repository).length >= limits.openHere) return "fullHere";
    const open = this.#open();
    if (open.length >= limits.openInAll) return "full";
    const bytes = proposalBytes(proposal);
    if (sum(open) + bytes > limits.bytes) return "full";
    if (this.#proposals.has(id)) {
      throw new StoreError("CONFLICT", "Somebody else made this change first.");
    }
    this.#makeRoom(bytes, limits);
    this.#proposals.set(id, {
      ...proposal,
      base: sorted(proposal.base),
      files: [...proposal.files].sort((a, b) => (a.role < b.role ? -1 : 1)).map(copyOf),
      state: "open",
      revision: 1,
      settledAt: undefined,
      reason: "",
      events: [{ at: openedAt, kind: opening, principal: openedBy, detail: "" }],
    });
    this.#append(audit);
    return "opened";
  }

  get(repository: string, id: string): Proposal | undefined {
    const found = this.#proposals.get(id);
    return found?.repository === repository ? found : undefined;
  }

  list({ repository, release, state, before, now, limit }: ProposalQuery): ProposalSummary[] {
    const all = [...this.#proposals.values()];
    const end = before === undefined ? all.length : all.findIndex(({ id }) => id === before);
    return all
      .slice(0, Math.max(0, end))
      .reverse()
      .filter((each) => repository === undefined || each.repository === repository)
      .filter((each) => release === undefined || (each.release === release && release !== ""))
      .filter((each) => state === undefined || stateAt(each, now) === state)
      .slice(0, limit)
      .map(summary);
  }

  change(change: ProposalChange): number {
    const found = this.get(change.repository, change.id);
    if (found === undefined || found.state !== "open" || found.revision !== change.expectedRevision) {
      throw new StoreError("CONFLICT", "The proposal has moved on: read it again.");
    }
    const { at, principal, settle, reason, complete, event } = change;
    if (stateAt(found, at) !== "open" && settle !== "expired") {
      throw new StoreError("CONFLICT", "The proposal's time is over.");
    }
    const files = change.signatures.reduce(signed, found.files);
    const revision = found.revision + 1;
    if (settle !== undefined) {
      this.#end({ ...found, files }, { at, principal, kind: settle, detail: event.detail }, reason);
      this.#append(change.audit);
      return revision;
    }
    const events =
      found.events.length < mostEvents ? [...found.events, { at, principal, ...event }] : found.events;
    this.#proposals.set(found.id, { ...found, files, revision, complete, reason, events });
    this.#append(change.audit);
    return revision;
  }

  attention(now: number, limit: number): ProposalSummary[] {
    const wanted = this.#open().filter(({ complete, expiresAt }) => complete || expiresAt <= now);
    return wanted.slice(0, limit).map(summary);
  }

  forget(before: number, limit: number): number {
    const old = this.#settled().filter(({ settledAt = 0 }) => settledAt < before);
    for (const { id } of old.slice(0, limit)) this.#proposals.delete(id);
    return Math.min(old.length, limit);
  }

  hasOpen(repository: string): boolean {
    return this.#openOf(repository).length > 0;
  }

  countOpen(now: number): number {
    return this.#open().filter((each) => stateAt(each, now) === "open").length;
  }

  /** `CONFLICT` if `afterPublication` must not happen. */
  checkPublication({ repository, proposal }: Publication): void {
    if (proposal === undefined || this.get(repository, proposal)?.state === "open") return;
    throw new StoreError("CONFLICT", "The proposal is not open any more.");
  }

  afterPublication(publication: Publication): void {
    const { repository, proposal, at, principal, metadata } = publication;
    const what = supersededBy(metadata);
    const own = proposal === undefined ? undefined : this.get(repository, proposal);
    if (own !== undefined) {
      this.#end(own, { at, principal, kind: "published", detail: what }, "");
      this.#append(proposalEnd(publication.audit, { id: own.id, kind: "published", reason: "" }));
    }
    for (const each of this.#openOf(repository)) {
      if (metadata.some(({ role }) => each.base.has(role))) this.#endOfBase(each, publication, what);
    }
  }

  afterRemoval(removal: Removal): void {
    for (const each of this.#openOf(removal.repository)) this.#endOfBase(each, removal, supersededByRemoval);
  }

  #endOfBase(found: Proposal, cause: Cause, what: string): void {
    const { at, principal } = cause;
    const { kind, reason } = endOfBase(found, at, what);
    this.#end(found, { at, principal, kind, detail: reason }, reason);
    this.#append(proposalEnd(cause.audit, { id: found.id, kind, reason }));
  }

  #end(found: Proposal, event: ProposalEvent, reason: string): void {
    this.#proposals.set(found.id, {
      ...found,
      state: event.kind as Proposal["state"],
      revision: found.revision + 1,
      settledAt: event.at,
      reason,
      events: [...found.events, event],
    });
  }

  #makeRoom(bytes: number, limits: ProposalLimits): void {
    const settled = this.#settled();
    let total = sum([...this.#proposals.values()]);
    while (settled.length > limits.settled || total + bytes > limits.bytes) {
      const oldest = settled.shift();
      if (oldest === undefined) return;
      total -= proposalBytes(oldest);
      this.#proposals.delete(oldest.id);
    }
  }

  #open(): Proposal[] {
    return [...this.#proposals.values()].filter(({ state }) => state === "open");
  }

  #openOf(repository: string): Proposal[] {
    return this.#open().filter((each) => each.repository === repository);
  }

  #settled(): Proposal[] {
    return [...this.#proposals.values()]
      .filter(({ state }) => state !== "open")
      .sort((a, b) => (a.settledAt ?? 0) - (b.settledAt ?? 0));
  }
}

function sum(proposals: readonly Proposal[]): number {
  return proposals.reduce((total, each) => total + proposalBytes(each), 0);
}

function copyOf(file: ProposalFile): ProposalFile {
  return { ...file, signed: Uint8Array.from(file.signed), signatures: [...file.signatures] };
}

function signed(
  files: readonly ProposalFile[],
  { role, ...signature }: ProposalChange["signatures"][number],
): readonly ProposalFile[] {
  const file = files.find((each) => each.role === role);
  if (file === undefined) throw new StoreError("CONFLICT", "The proposal has no such role.");
  if (file.signatures.some(({ keyId }) => keyId === signature.keyId)) {
    throw new StoreError("CONFLICT", "Somebody else made this change first.");
  }
  const more = { ...file, signatures: [...file.signatures, signature] };
  return files.map((each) => (each === file ? more : each));
}

function summary({ events: _, files, ...head }: Proposal): ProposalSummary {
  return {
    ...head,
    files: files.map(({ role, version, signatures }) => ({
      role,
      version,
      signedBy: signatures.map(({ keyId }) => keyId),
    })),
  };
}

function sorted(base: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  return new Map([...base].sort(([a], [b]) => (a < b ? -1 : 1)));
}
