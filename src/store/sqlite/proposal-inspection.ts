/** Stored proposals as they lie there, for `vidimus fsck`: one at a time, inside the caller's transaction. */
import type Database from "better-sqlite3";
import type { ProposalRow } from "../contract/inspection.ts";

type Head = Omit<
  ProposalRow,
  "audit" | "settledAt" | "complete" | "base" | "files" | "signatures" | "events"
> & {
  readonly settledAt: number | null;
  readonly complete: number;
  readonly audit: number | null;
};

/** The next one of a name after a place. */
export function prepareProposals(
  database: Database.Database,
): (repository: string, after: number) => ProposalRow | undefined {
  const next = database.prepare<[string, number], Head>(
    "SELECT seq AS place, id, state, revision, opened_at AS openedAt, opened_by AS openedBy, expires_at AS expiresAt, settled_at AS settledAt, note, digest, complete, reason, bytes, audit FROM proposal WHERE repository = ? AND seq > ? ORDER BY seq LIMIT 1",
  );
  const base = database.prepare<[number], { role: string; version: number }>(
    "SELECT role, version FROM proposal_base WHERE proposal = ?",
  );
  const files = database.prepare<[number], ProposalRow["files"][number]>(
    "SELECT role, version, signed FROM proposal_file WHERE proposal = ?",
  );
  const signatures = database.prepare<[number], ProposalRow["signatures"][number]>(
    "SELECT role, key_id AS keyId, method, signature FROM proposal_signature WHERE proposal = ? ORDER BY id",
  );
  const events = database.prepare<[number], ProposalRow["events"][number]>(
    "SELECT at, kind, principal, detail FROM proposal_event WHERE proposal = ? ORDER BY id",
  );
  return (repository, after) => {
    const row = next.get(repository, after);
    if (row === undefined) return undefined;
    const { place, settledAt, complete, audit } = row;
    return {
      ...row,
      settledAt: settledAt ?? undefined,
      audit: audit ?? undefined,
      complete: complete === 1,
      base: new Map(base.all(place).map(({ role, version }) => [role, version])),
      files: files.all(place),
      signatures: signatures.all(place),
      events: events.all(place),
    };
  };
}
