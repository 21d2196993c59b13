/**
 * The rows as `src/store/contract/inspection.ts` wants them, over a read-only connection of its own: no lock is taken, and a
 * server may run beside it. Each `inspect` is one read transaction, so that the log can be written back in between.
 */
import type Database from "better-sqlite3";
import { StoreError } from "../../core/errors.ts";
import type {
  FeedCount,
  FileRow,
  HistoryRow,
  KeyRow,
  PointerRow,
  RepositoryRows,
  StoreInspection,
} from "../contract/inspection.ts";
import type { RemovedFile } from "../contract/retention.ts";
import type { ChangeRecord, KeyUse } from "../contract/store.ts";
import { prepareAccessInspection } from "./access-inspection.ts";
import { prepareTrail } from "./audit.ts";
import { connect } from "./connection.ts";
import { isCorrupt, unavailable } from "./errors.ts";
import { prepareProposals } from "./proposal-inspection.ts";
import { fromRecord, recordColumns } from "./record.ts";

/** Sentences of the integrity check. */
const mostFaults = 100;

/** Throws what `openSqlite` throws for a reader. */
export function inspectSqlite(directory: string): StoreInspection {
  const database = connect({ directory, readOnly: true });
  try {
    return inspection(database);
  } catch (error) {
    database.close();
    throw readingError(error);
  }
}

function readingError(error: unknown): StoreError {
  if (!isCorrupt(error)) return unavailable(error);
  return new StoreError("STORE_CORRUPT", "The store's file is damaged: restore a backup.", { cause: error });
}

function guarded<T>(question: () => T): T {
  try {
    return question();
  } catch (error) {
    throw readingError(error);
  }
}

function inspection(database: Database.Database): StoreInspection {
  const rowsOf = prepareRepositoryRows(database);
  const names = database
    .prepare<[string, string, string, number], string>(
      "SELECT name FROM repository WHERE name > ? UNION SELECT repository FROM online_key WHERE repository > ? UNION SELECT repository FROM proposal WHERE repository > ? ORDER BY 1 LIMIT ?",
    )
    .pluck();
  const keyring = database.prepare<[], Buffer>("SELECT record FROM keyring WHERE id = 1").pluck();
  const anyKey = database.prepare("SELECT key_id FROM online_key LIMIT 1");
  const feed = database.prepare<[], Omit<FeedCount, "hole">>(
    "SELECT count(*) AS rows, coalesce(max(at), 0) AS latest, coalesce(max(id), 0) AS highest, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'change'), 0) AS given, (SELECT count(*) FROM change AS c LEFT JOIN repository AS r ON r.id = c.repository WHERE r.id IS NULL) AS strays FROM change",
  );
  const trail = prepareTrail(database);
  const hole = database
    .prepare<[], number>(
      "SELECT coalesce((SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM change WHERE id = 1)), (SELECT c.id + 1 FROM change AS c WHERE NOT EXISTS (SELECT 1 FROM change AS n WHERE n.id = c.id + 1) ORDER BY c.id LIMIT 1))",
    )
    .pluck();

  const outbox = database
    .prepare<[], string>(
      `SELECT 'announcement ' || number || ' counts as told, and somebody waits for it' FROM announcement AS a WHERE settled_at IS NOT NULL AND EXISTS (SELECT 1 FROM delivery AS d WHERE d.announcement = a.number AND d.state = 'waiting') UNION ALL SELECT 'announcement ' || number || ' counts as not told, and nobody waits for it' FROM announcement AS a WHERE settled_at IS NULL AND NOT EXISTS (SELECT 1 FROM delivery AS d WHERE d.announcement = a.number AND d.state = 'waiting') UNION ALL SELECT 'announcement ' || number || ' has nothing that could be told' FROM announcement WHERE settled_at IS NULL AND json_valid(data) = 0 LIMIT ${mostFaults}`,
    )
    .pluck();

  const access = prepareAccessInspection(database, mostFaults);
  const register = database
    .prepare<[], string>(
      `SELECT 'the entry of ' || key_id || ' names no key, no owner or nobody who made it, or ends before it begins' FROM registered_key WHERE key_id GLOB '*[^0-9a-f]*' OR owner = '' OR registered_by = '' OR until <= since UNION ALL SELECT 'the denial of ' || key_id || ' names no key or nobody who made it' FROM denied_key WHERE key_id GLOB '*[^0-9a-f]*' OR denied_by = '' UNION ALL SELECT 'the denial of ' || key_id || ' was lifted by nobody, or before it was made' FROM denied_key WHERE (lifted_at IS NULL) <> (lifted_by IS NULL) OR lifted_by = '' OR lifted_at < denied_at LIMIT ${mostFaults}`,
    )
    .pluck();

  return {
    integrity() {
      const faults = guarded(() => [
        ...(database.pragma(`integrity_check(${mostFaults})`) as { integrity_check: string }[])
          .map((row) => row.integrity_check)
          .filter((sentence) => sentence !== "ok"),
        ...(database.pragma("foreign_key_check") as { table: string; parent: string }[]).map(
          ({ table, parent }) => `a row of ${table} belongs to none of ${parent}`,
        ),
      ]);
      return faults.slice(0, mostFaults);
    },
    access: () => guarded(access),
    register: () => guarded(() => register.all()),
    outbox: () => guarded(() => outbox.all()),
    keyring: () => guarded(() => keyring.get()),
    hasKeys: () => guarded(() => anyKey.get() !== undefined),
    feed: () =>
      guarded(() => {
        const counted = feed.get() ?? { rows: 0, highest: 0, given: 0, strays: 0, latest: 0 };
        const whole = counted.rows === counted.highest;
        return { ...counted, hole: whole ? undefined : hole.get() };
      }),
    trail: (after, limit) => guarded(() => trail.after(after, limit)),
    names: (after, limit) => guarded(() => names.all(after, after, after, limit)),
    async inspect(name, work) {
      guarded(() => database.exec("BEGIN"));
      try {
        return await work(rowsOf(name));
      } finally {
        if (database.inTransaction) database.exec("ROLLBACK");
      }
    },
    close: () => void database.close(),
  };
}

function prepareRepositoryRows(database: Database.Database): (name: string) => RepositoryRows {
  const find = database.prepare<
    [string],
    {
      id: number;
      alive: number;
      format: "notary" | "tuf";
      revision: number;
      incarnation: number;
      renewAt: number | null;
    }
  >("SELECT id, alive, format, revision, incarnation, renew_at AS renewAt FROM repository WHERE name = ?");
  const floors = database.prepare<[number], { role: string; version: number }>(
    "SELECT role, version FROM tombstone WHERE repository = ?",
  );
  const pointers = database.prepare<
    [number],
    { role: string; id: number; own: number | null; version: number | null; sha256: string | null }
  >(
    "SELECT c.role, c.metadata AS id, m.repository = c.repository AND m.role = c.role AS own, m.version, m.sha256 FROM current_metadata AS c LEFT JOIN metadata AS m ON m.id = c.metadata WHERE c.repository = ?",
  );
  const history = database.prepare<
    [number],
    { rows: number; highest: number; removals: number; lastRemoval: number }
  >(
    "SELECT count(*) AS rows, coalesce(max(revision), 0) AS highest, coalesce(sum(kind = 'removal'), 0) AS removals, coalesce(max(CASE WHEN kind = 'removal' THEN revision END), 0) AS lastRemoval FROM publication WHERE repository = ?",
  );
  const record = database.prepare<[number, number, number], HistoryRow>(
    `SELECT ${recordColumns}, p.audit ${fromRecord} WHERE p.repository = ? AND p.revision > ? ORDER BY p.revision LIMIT ?`,
  );
  const keyUses = database.prepare<[number, number], KeyUse>(
    "SELECT material, role FROM key_use WHERE repository = ? LIMIT ?",
  );
  const files = database.prepare<[number, string, number, number], FileRow>(
    "SELECT id, role, version, sha256, length, stored_at AS storedAt, expires, revision FROM metadata WHERE repository = ? AND (role, version) > (?, ?) ORDER BY role, version LIMIT ?",
  );
  const bytes = database
    .prepare<[number, number], Buffer>("SELECT bytes FROM metadata WHERE id = ? AND repository = ?")
    .pluck();
  const revisionOf = database
    .prepare<[number, string, string, number, string, string], number>(
      "SELECT revision FROM metadata WHERE repository = ? AND role = ? AND sha256 = ? UNION SELECT revision FROM removed_metadata WHERE repository = ? AND role = ? AND sha256 = ? LIMIT 1",
    )
    .pluck();
  const removedFiles = database.prepare<[number, string, number, number], RemovedFile>(
    "SELECT role, version, sha256, length, stored_at AS storedAt, expires, revision, removed_at AS removedAt FROM removed_metadata WHERE repository = ? AND (role, version) > (?, ?) ORDER BY role, version LIMIT ?",
  );
  const changes = database.prepare<[string, number, number, number], ChangeRecord>(
    "SELECT id, at, ? AS repository, version, sha256, category FROM change WHERE repository = ? AND id > ? ORDER BY id LIMIT ?",
  );
  const keys = database.prepare<[string], Omit<KeyRow, "pending"> & { pending: number }>(
    "SELECT repository, role, key_id AS keyId, keytype, public_key AS publicKey, reference, created_at AS createdAt, pending FROM online_key WHERE repository = ? ORDER BY id",
  );

  const nextProposal = prepareProposals(database);
  const denial = database
    .prepare<[string], number>("SELECT 1 FROM denied_key WHERE key_id = ? LIMIT 1")
    .pluck();
  const trail = prepareTrail(database);

  return (name) => {
    const row = guarded(() => find.get(name));
    // No row has this number: everything but keys is empty then.
    const id = row?.id ?? 0;
    return {
      name,
      repository: row && { ...row, alive: row.alive === 1, renewAt: row.renewAt ?? undefined },
      floors: () => guarded(() => new Map(floors.all(id).map((each) => [each.role, each.version]))),
      pointers: () =>
        guarded(() =>
          pointers.all(id).map(
            (each): PointerRow => ({
              role: each.role,
              id: each.id,
              own: each.own === 1,
              version: each.version ?? undefined,
              sha256: each.sha256 ?? undefined,
            }),
          ),
        ),
      history: () => guarded(() => history.get(id) ?? { rows: 0, highest: 0, removals: 0, lastRemoval: 0 }),
      record: (after, limit) => guarded(() => record.all(id, after, limit)),
      told: (number) => guarded(() => trail.after(number - 1, 1).find((entry) => entry.number === number)),
      toldChanges: () => guarded(() => trail.changes(name)),
      toldRemoval: (after) => guarded(() => trail.filesRemoved(name, after)),
      recorded(revision) {
        const found = guarded(() => record.get(id, revision - 1, 1));
        return found?.revision === revision ? found : undefined;
      },
      files: (after, limit) => guarded(() => files.all(id, after.role, after.version, limit)),
      removedFiles: (after, limit) => guarded(() => removedFiles.all(id, after.role, after.version, limit)),
      bytes: (file) => guarded(() => bytes.get(file, id)),
      revisionOf: (role, sha256) => guarded(() => revisionOf.get(id, role, sha256, id, role, sha256)),
      changes: (after, limit) => guarded(() => changes.all(name, id, after, limit)),
      keys: () => guarded(() => keys.all(name).map((key) => ({ ...key, pending: key.pending === 1 }))),
      keyUses: (limit) => guarded(() => keyUses.all(id, limit)),
      proposal: (after) => guarded(() => nextProposal(name, after)),
      wasDenied: (keyId) => guarded(() => denial.get(keyId) !== undefined),
    };
  };
}
