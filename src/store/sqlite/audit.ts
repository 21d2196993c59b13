/** The audit trail, what is counted beside it, and the key of its heads. Changes run inside members of `Writer`. */
import type Database from "better-sqlite3";
import { entryHash, startOfTrail } from "../../core/audit-chain.ts";
import {
  type AuditActor,
  type AuditEntry,
  type AuditHead,
  type AuditKey,
  type AuditPage,
  type AuditQuery,
  type AuditRecord,
  mostLookedAt,
  mostRefusalRows,
  mostRefusalsAtOnce,
  mostSummaries,
  type RefusalCount,
  refusalSummary,
  refusalsInSummary,
} from "../contract/audit.ts";

interface AuditRow {
  readonly number: number;
  readonly hash: string;
  readonly at: number;
  readonly kind: string;
  readonly actor: string;
  readonly method: string;
  readonly address: string;
  readonly repository: string;
  readonly detail: string;
}

const auditColumns = "number, hash, at, kind, actor, method, address, repository, detail";

function entryOf({ actor, method, address, ...row }: AuditRow): AuditEntry {
  return { ...row, actor: { name: actor, method, address } };
}

const emptyHead: AuditHead = { number: 0, hash: startOfTrail, at: 0 };

export function prepareAuditReads(database: Database.Database) {
  const head = database.prepare<[], AuditHead>(
    "SELECT number, hash, at FROM audit WHERE number > 0 ORDER BY number DESC LIMIT 1",
  );
  const refusals = database.prepare<[], RefusalCount>(
    `SELECT hour, principal, code, count FROM refusal WHERE hour >= 0 ORDER BY hour, principal, code LIMIT ${mostRefusalsAtOnce}`,
  );
  const key = database.prepare<[], AuditKey>(
    "SELECT keytype, public_key AS publicKey, reference, created_at AS createdAt FROM audit_key WHERE id = 1",
  );
  // A record of the server has no repository and is not in that index.
  const own = "repository = ? AND repository <> '' AND";
  const pages = {
    forwards: {
      all: preparePage(database, "", [">", "<=", "ASC"]),
      own: preparePage(database, own, [">", "<=", "ASC"]),
    },
    backwards: {
      all: preparePage(database, "", ["<", ">=", "DESC"]),
      own: preparePage(database, own, ["<", ">=", "DESC"]),
    },
  };

  return {
    head: (): AuditHead => head.get() ?? emptyHead,
    refusals: (): RefusalCount[] => refusals.all(),
    key: (): AuditKey | undefined => key.get(),
    list(query: AuditQuery): AuditPage {
      const ways = pages[query.direction];
      return (query.repository === undefined ? ways.all : ways.own)(query);
    },
  };
}

/** Looks at so many entries along one index, and gives those that are wanted. */
function preparePage(
  database: Database.Database,
  where: string,
  [beyond, within, order]: readonly [">", "<=", "ASC"] | readonly ["<", ">=", "DESC"],
) {
  const last = database
    .prepare<(string | number)[], number>(
      `SELECT number FROM audit WHERE ${where} number ${beyond} ? ORDER BY number ${order} LIMIT 1 OFFSET ${mostLookedAt - 1}`,
    )
    .pluck();
  const rows = database.prepare<(string | number | null)[], AuditRow>(
    `SELECT ${auditColumns} FROM audit WHERE ${where} number ${beyond} ? AND number ${within} ? AND kind = coalesce(?, kind) AND actor = coalesce(?, actor) AND at >= ? AND at < ? ORDER BY number ${order} LIMIT ?`,
  );
  const ahead = beyond === ">";

  return ({ repository, kind, actor, since, until, from, limit }: AuditQuery): AuditPage => {
    const place = repository === undefined ? [] : [repository];
    const start = from ?? (ahead ? 0 : Number.MAX_SAFE_INTEGER);
    const end = last.get(...place, start);
    const farthest = end ?? (ahead ? Number.MAX_SAFE_INTEGER : 0);
    const [after, before] = [since ?? Number.MIN_SAFE_INTEGER, until ?? Number.MAX_SAFE_INTEGER];
    const entries = rows
      .all(...place, start, farthest, kind ?? null, actor ?? null, after, before, limit)
      .map(entryOf);
    return { entries, next: entries.length === limit ? entries.at(-1)?.number : end };
  };
}

/** Entries as they lie there, for `vidimus fsck`. */
export function prepareTrail(database: Database.Database) {
  const after = database.prepare<[number, number], AuditRow>(
    `SELECT ${auditColumns} FROM audit WHERE number > ? ORDER BY number LIMIT ?`,
  );
  // Floors are raised without a change, too.
  const changes = database
    .prepare<[string], number>(
      "SELECT count(number) FROM audit WHERE repository = ? AND repository <> '' AND kind LIKE 'repository.%' AND kind <> 'repository.recovered'",
    )
    .pluck();
  const filesRemoved = database.prepare<[string, number], AuditRow>(
    `SELECT ${auditColumns} FROM audit WHERE repository = ? AND repository <> '' AND kind = 'files.removed' AND number > ? ORDER BY number LIMIT 1`,
  );
  return {
    after: (number: number, limit: number): AuditEntry[] => after.all(number, limit).map(entryOf),
    filesRemoved(repository: string, number: number): AuditEntry | undefined {
      const row = filesRemoved.get(repository, number);
      return row && entryOf(row);
    },
    changes: (repository: string): number => changes.get(repository) ?? 0,
  };
}

export type AuditChanges = ReturnType<typeof prepareAuditChanges>;

export function prepareAuditChanges(database: Database.Database) {
  const reads = prepareAuditReads(database);
  const insert = database.prepare<[number, string, number, string, string, string, string, string, string]>(
    `INSERT INTO audit (${auditColumns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const add = database.prepare<[number, number, string, string]>(
    "UPDATE refusal SET count = count + ? WHERE hour = ? AND principal = ? AND code = ?",
  );
  const count = database.prepare<[number, string, string, number]>(
    "INSERT INTO refusal (hour, principal, code, count) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
  );
  const rows = database.prepare<[], number>("SELECT count(hour) FROM refusal WHERE hour >= 0").pluck();
  const over = database.prepare<[number, number], RefusalCount>(
    "SELECT hour, principal, code, count FROM refusal WHERE hour < ? ORDER BY hour, principal, code LIMIT ?",
  );
  const forget = database.prepare<[number, string, string]>(
    "DELETE FROM refusal WHERE hour = ? AND principal = ? AND code = ?",
  );
  const keep = database.prepare<[string, string, Uint8Array, number]>(
    "INSERT INTO audit_key (id, keytype, public_key, reference, created_at) VALUES (1, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
  );

  function append(record: AuditRecord): AuditHead {
    const before = reads.head();
    const number = before.number + 1;
    const hash = entryHash(before.hash, record);
    const { at, kind, actor, repository, detail } = record;
    insert.run(number, hash, at, kind, actor.name, actor.method, actor.address, repository, detail);
    return { number, hash, at };
  }

  return {
    append,

    countRefusals(counts: readonly RefusalCount[]): void {
      let left = mostRefusalRows - (rows.get() ?? 0);
      for (const { hour, principal, code, count: times } of counts) {
        if (add.run(times, hour, principal, code).changes === 1) continue;
        count.run(hour, left > 0 ? principal : "", code, times);
        left -= 1;
      }
    },

    settleRefusals({ before, at, actor }: { before: number; at: number; actor: AuditActor }): number {
      for (let records = 0; ; records++) {
        const counts = records === mostSummaries ? [] : over.all(before, refusalsInSummary);
        if (counts.length === 0) return records;
        for (const { hour, principal, code } of counts) forget.run(hour, principal, code);
        append(refusalSummary(counts, { at, actor }));
      }
    },

    createKey(key: AuditKey): AuditKey {
      keep.run(key.keytype, key.publicKey, key.reference, key.createdAt);
      return reads.key() ?? key;
    },
  };
}
