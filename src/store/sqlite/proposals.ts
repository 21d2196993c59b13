/** The changes to proposals. Every function runs inside a member of `Writer` and is atomic by its savepoint. */
import type Database from "better-sqlite3";
import { type AuditRecord, proposalEnd } from "../contract/audit.ts";
import {
  endOfBase,
  mostEvents,
  type NewProposal,
  type ProposalChange,
  type ProposalEvent,
  type ProposalLimits,
  type ProposalOpening,
  type ProposalSignature,
  type ProposalState,
  proposalBytes,
  stateAt,
  supersededBy,
  supersededByRemoval,
} from "../contract/proposals.ts";
import type { Publication, Removal } from "../contract/store.ts";
import type { AuditChanges } from "./audit.ts";
import { conflict } from "./errors.ts";

interface Row {
  readonly seq: number;
  readonly id: string;
  readonly revision: number;
  readonly state: ProposalState;
  readonly complete: number;
  readonly expiresAt: number;
}

const columns = "seq, id, revision, state, complete, expires_at AS expiresAt";

/** What ends a proposal without asking for that. */
type Cause = Pick<Publication | Removal, "at" | "principal" | "audit">;

export type ProposalChanges = ReturnType<typeof prepareProposalChanges>;

export function prepareProposalChanges(database: Database.Database, audit: Pick<AuditChanges, "append">) {
  const find = database.prepare<[string, string], Row>(
    `SELECT ${columns} FROM proposal WHERE id = ? AND repository = ?`,
  );
  const openOf = database.prepare<[string], Row>(
    `SELECT ${columns} FROM proposal WHERE repository = ? AND state = 'open' ORDER BY seq`,
  );
  const baseRoles = database
    .prepare<[number], string>("SELECT role FROM proposal_base WHERE proposal = ?")
    .pluck();
  const currentVersion = database
    .prepare<[string, string], number>(
      "SELECT m.version FROM repository AS r JOIN current_metadata AS c ON c.repository = r.id JOIN metadata AS m ON m.id = c.metadata WHERE r.name = ? AND c.role = ?",
    )
    .pluck();
  const counts = database.prepare<[], { open: number; openBytes: number; settled: number; bytes: number }>(
    "SELECT count(seq) FILTER (WHERE state = 'open') AS open, coalesce(sum(bytes) FILTER (WHERE state = 'open'), 0) AS openBytes, count(seq) FILTER (WHERE state <> 'open') AS settled, coalesce(sum(bytes), 0) AS bytes FROM proposal",
  );
  const oldestSettled = database.prepare<[], { seq: number; bytes: number }>(
    "SELECT seq, bytes FROM proposal WHERE settled_at IS NOT NULL ORDER BY settled_at, seq LIMIT 1",
  );
  const settledBefore = database
    .prepare<[number, number], number>(
      "SELECT seq FROM proposal WHERE settled_at IS NOT NULL AND settled_at < ? ORDER BY settled_at, seq LIMIT ?",
    )
    .pluck();
  const remove = database.prepare<[number]>("DELETE FROM proposal WHERE seq = ?");
  const insert = database.prepare<
    [string, string, number, string, number, string, string, string, number, number]
  >(
    "INSERT INTO proposal (id, repository, state, revision, opened_at, opened_by, expires_at, note, label, digest, complete, reason, bytes) VALUES (?, ?, 'open', 1, ?, ?, ?, ?, ?, ?, ?, '', ?)",
  );
  const addBase = database.prepare<[number, string, number]>(
    "INSERT INTO proposal_base (proposal, role, version) VALUES (?, ?, ?)",
  );
  const addFile = database.prepare<[number, string, number, Uint8Array]>(
    "INSERT INTO proposal_file (proposal, role, version, signed) VALUES (?, ?, ?, ?)",
  );
  const hasFile = database
    .prepare<[number, string], number>("SELECT 1 FROM proposal_file WHERE proposal = ? AND role = ?")
    .pluck();
  const addSignature = database.prepare<[number, string, string, string, Uint8Array]>(
    "INSERT INTO proposal_signature (proposal, role, key_id, method, signature) VALUES (?, ?, ?, ?, ?)",
  );
  const addEvent = database.prepare<[number, number, string, string, string]>(
    "INSERT INTO proposal_event (proposal, at, kind, principal, detail) VALUES (?, ?, ?, ?, ?)",
  );
  const countEvents = database
    .prepare<[number], number>("SELECT count(id) FROM proposal_event WHERE proposal = ?")
    .pluck();
  const keepOpen = database.prepare<[number, string, number, number]>(
    "UPDATE proposal SET revision = revision + 1, complete = ?, reason = ?, bytes = bytes + ? WHERE seq = ?",
  );
  const settle = database.prepare<[string, number, string, number, number]>(
    "UPDATE proposal SET state = ?, revision = revision + 1, settled_at = ?, reason = ?, audit = ? WHERE seq = ?",
  );

  function sign(seq: number, role: string, { keyId, method, signature }: ProposalSignature): number {
    addSignature.run(seq, role, keyId, method, signature);
    return signature.length;
  }

  function end(seq: number, event: ProposalEvent, reason: string, record: AuditRecord): void {
    settle.run(event.kind, event.at, reason, audit.append(record).number, seq);
    addEvent.run(seq, event.at, event.kind, event.principal, event.detail);
  }

  function loseBase({ seq, id, complete, expiresAt }: Row, cause: Cause, what: string): void {
    const { at, principal } = cause;
    const { kind, reason } = endOfBase({ complete: complete === 1, expiresAt }, at, what);
    const record = proposalEnd(cause.audit, { id, kind, reason });
    end(seq, { at, principal, kind, detail: reason }, reason, record);
  }

  /** Room for so many bytes, made with settled ones. False, and nothing changed: open ones hold too much. */
  function makeRoom(bytes: number, limits: ProposalLimits): boolean {
    const now = counts.get();
    let total = now?.bytes ?? 0;
    let settled = now?.settled ?? 0;
    if ((now?.openBytes ?? 0) + bytes > limits.bytes) return false;
    while (total + bytes > limits.bytes || settled > limits.settled) {
      const oldest = oldestSettled.get();
      if (oldest === undefined) break;
      remove.run(oldest.seq);
      total -= oldest.bytes;
      settled -= 1;
    }
    return true;
  }

  return {
    open(proposal: NewProposal, limits: ProposalLimits): ProposalOpening {
      const { repository, openedAt, openedBy } = proposal;
      for (const [role, version] of proposal.base) {
        if ((currentVersion.get(repository, role) ?? 0) !== version)
          throw conflict("The repository has moved on: read it again.");
      }
      if (openOf.all(repository).length >= limits.openHere) return "fullHere";
      if ((counts.get()?.open ?? 0) >= limits.openInAll) return "full";
      const bytes = proposalBytes(proposal);
      if (!makeRoom(bytes, limits)) return "full";
      const { id, expiresAt, note, release, digest, complete } = proposal;
      const row = insert.run(
        id,
        repository,
        openedAt,
        openedBy,
        expiresAt,
        note,
        release,
        digest,
        complete ? 1 : 0,
        bytes,
      );
      const seq = Number(row.lastInsertRowid);
      for (const [role, version] of proposal.base) addBase.run(seq, role, version);
      for (const { role, version, signed, signatures } of proposal.files) {
        addFile.run(seq, role, version, signed);
        for (const signature of signatures) sign(seq, role, signature);
      }
      addEvent.run(seq, openedAt, proposal.opening, openedBy, "");
      audit.append(proposal.audit);
      return "opened";
    },

    change(change: ProposalChange): number {
      const row = find.get(change.id, change.repository);
      if (row === undefined || row.state !== "open" || row.revision !== change.expectedRevision) {
        throw conflict("The proposal has moved on: read it again.");
      }
      const { at, principal, settle: state, reason, complete } = change;
      if (isOver(row, at) && state !== "expired") throw conflict("The proposal's time is over.");
      let bytes = 0;
      for (const { role, ...signature } of change.signatures) {
        if (hasFile.get(row.seq, role) === undefined) throw conflict("The proposal has no such role.");
        bytes += sign(row.seq, role, signature);
      }
      if (state !== undefined) {
        end(row.seq, { at, principal, kind: state, detail: change.event.detail }, reason, change.audit);
        return row.revision + 1;
      }
      keepOpen.run(complete ? 1 : 0, reason, bytes, row.seq);
      audit.append(change.audit);
      if ((countEvents.get(row.seq) ?? 0) < mostEvents) {
        addEvent.run(row.seq, at, change.event.kind, principal, change.event.detail);
      }
      return row.revision + 1;
    },

    forget(before: number, limit: number): number {
      const rows = settledBefore.all(before, limit);
      for (const seq of rows) remove.run(seq);
      return rows.length;
    },

    /** Part of a publication by people. */
    afterPublication(publication: Publication): void {
      const { repository, proposal, at, principal, metadata } = publication;
      const what = supersededBy(metadata);
      if (proposal !== undefined) {
        const row = find.get(proposal, repository);
        if (row?.state !== "open") throw conflict("The proposal is not open any more.");
        const record = proposalEnd(publication.audit, { id: proposal, kind: "published", reason: "" });
        end(row.seq, { at, principal, kind: "published", detail: what }, "", record);
      }
      const published = new Set(metadata.map(({ role }) => role));
      for (const row of openOf.all(repository)) {
        if (baseRoles.all(row.seq).some((role) => published.has(role))) loseBase(row, publication, what);
      }
    },

    /** Part of a removal. */
    afterRemoval(removal: Removal): void {
      for (const row of openOf.all(removal.repository)) loseBase(row, removal, supersededByRemoval);
    },
  };
}

function isOver({ state, complete, expiresAt }: Row, at: number): boolean {
  return stateAt({ state, complete: complete === 1, expiresAt }, at) !== "open";
}
