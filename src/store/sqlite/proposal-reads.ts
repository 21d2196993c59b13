/** Proposals as they are read. Every list is a page. */
import type Database from "better-sqlite3";
import type {
  Proposal,
  ProposalEvent,
  ProposalFile,
  ProposalQuery,
  ProposalSignature,
  ProposalState,
  ProposalSummary,
} from "../contract/proposals.ts";

interface Row {
  readonly seq: number;
  readonly id: string;
  readonly repository: string;
  readonly state: ProposalState;
  readonly revision: number;
  readonly openedAt: number;
  readonly openedBy: string;
  readonly expiresAt: number;
  readonly settledAt: number | null;
  readonly note: string;
  readonly release: string;
  readonly digest: string;
  readonly complete: number;
  readonly reason: string;
}

const columns =
  "seq, id, repository, state, revision, opened_at AS openedAt, opened_by AS openedBy, expires_at AS expiresAt, settled_at AS settledAt, note, label AS release, digest, complete, reason";

export function prepareProposalReads(database: Database.Database) {
  const one = database.prepare<[string, string], Row>(
    `SELECT ${columns} FROM proposal WHERE id = ? AND repository = ?`,
  );
  const revision = database
    .prepare<[string, string], number>("SELECT revision FROM proposal WHERE id = ? AND repository = ?")
    .pluck();
  const base = database.prepare<[number], { role: string; version: number }>(
    "SELECT role, version FROM proposal_base WHERE proposal = ? ORDER BY role",
  );
  const files = database.prepare<[number], Omit<ProposalFile, "signatures">>(
    "SELECT role, version, signed FROM proposal_file WHERE proposal = ? ORDER BY role",
  );
  const fileNames = database.prepare<[number], { role: string; version: number }>(
    "SELECT role, version FROM proposal_file WHERE proposal = ? ORDER BY role",
  );
  const signatures = database.prepare<[number], ProposalSignature & { role: string }>(
    "SELECT role, key_id AS keyId, method, signature FROM proposal_signature WHERE proposal = ? ORDER BY id",
  );
  const signers = database.prepare<[number], { role: string; keyId: string }>(
    "SELECT role, key_id AS keyId FROM proposal_signature WHERE proposal = ? ORDER BY id",
  );
  const events = database.prepare<[number], ProposalEvent>(
    "SELECT at, kind, principal, detail FROM proposal_event WHERE proposal = ? ORDER BY id",
  );
  const attention = database.prepare<[number, number], Row>(
    `SELECT ${columns} FROM proposal WHERE state = 'open' AND (complete = 1 OR expires_at <= ?) ORDER BY seq LIMIT ?`,
  );
  const countOpen = database
    .prepare<[number], number>(
      "SELECT count(seq) FROM proposal WHERE state = 'open' AND (complete = 1 OR expires_at > ?)",
    )
    .pluck();
  const pages = new Map<string, Database.Statement<(string | number)[], Row>>();

  function head({ seq, complete, settledAt, ...row }: Row) {
    return {
      ...row,
      complete: complete === 1,
      settledAt: settledAt ?? undefined,
      base: new Map(base.all(seq).map(({ role, version }) => [role, version])),
    };
  }

  function summary(row: Row): ProposalSummary {
    const by = signers.all(row.seq);
    return {
      ...head(row),
      files: fileNames.all(row.seq).map((file) => ({
        ...file,
        signedBy: by.filter(({ role }) => role === file.role).map(({ keyId }) => keyId),
      })),
    };
  }

  function whole(row: Row): Proposal {
    const all = signatures.all(row.seq);
    return {
      ...head(row),
      files: files.all(row.seq).map((file) => ({
        ...file,
        signatures: all
          .filter(({ role }) => role === file.role)
          .map(({ role: _, ...signature }) => signature),
      })),
      events: events.all(row.seq),
    };
  }

  /** One statement for each set of conditions, so that each walks along an index. */
  function page(query: ProposalQuery): Row[] {
    const conditions: string[] = [];
    const values: (string | number)[] = [];
    const want = (condition: string, value: string | number | undefined) => {
      if (value === undefined) return;
      conditions.push(condition);
      values.push(value);
    };
    want("repository = ?", query.repository);
    want("label = ? AND label <> ''", query.release);
    if (query.state === "open") want("state = 'open' AND (complete = 1 OR expires_at > ?)", query.now);
    else if (query.state === "expired")
      want("(state = 'expired' OR (state = 'open' AND complete = 0 AND expires_at <= ?))", query.now);
    else want("state = ?", query.state);
    want("seq < (SELECT seq FROM proposal WHERE id = ?)", query.before);
    const where = conditions.length === 0 ? "" : ` WHERE ${conditions.join(" AND ")}`;
    const text = `SELECT ${columns} FROM proposal${where} ORDER BY seq DESC LIMIT ?`;
    let statement = pages.get(text);
    if (statement === undefined) {
      statement = database.prepare(text);
      pages.set(text, statement);
    }
    return statement.all(...values, query.limit);
  }

  return {
    get(repository: string, id: string): Proposal | undefined {
      const row = one.get(id, repository);
      return row && whole(row);
    },
    revision: (repository: string, id: string): number | undefined => revision.get(id, repository),
    list: (query: ProposalQuery): ProposalSummary[] => page(query).map(summary),
    attention: (now: number, limit: number): ProposalSummary[] => attention.all(now, limit).map(summary),
    countOpen: (now: number): number => countOpen.get(now) ?? 0,
  };
}
