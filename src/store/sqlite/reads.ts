/** Everything that is read about repositories: each function is one consistent read. */
import type Database from "better-sqlite3";
import type {
  ChangeQuery,
  ChangeRecord,
  CurrentMetadata,
  Format,
  MetadataReference,
  PastMetadata,
  RepositoryState,
  Standing,
} from "../contract/store.ts";

interface RepositoryRow {
  readonly id: number;
  readonly alive: number;
  readonly format: Format;
  readonly revision: number;
  readonly incarnation: number;
}

const reference = "m.role, m.version, m.sha256, m.length, m.stored_at AS storedAt";

/**
 * A parameter of a joined statement. SQLite plans a statement anew whenever a value is bound to a parameter that its
 * planner looked at, which costs five times the read itself. It looks at no expression.
 */
export const given = "+?";

export function prepareReads(database: Database.Database) {
  const repository = database.prepare<[string], RepositoryRow>(
    "SELECT id, alive, format, revision, incarnation FROM repository WHERE name = ?",
  );
  const currents = database.prepare<[number], MetadataReference>(
    `SELECT ${reference} FROM current_metadata AS c JOIN metadata AS m ON m.id = c.metadata WHERE c.repository = ${given}`,
  );
  const floors = database.prepare<[number], { readonly role: string; readonly version: number }>(
    "SELECT role, version FROM tombstone WHERE repository = ?",
  );
  const current = database.prepare<[string, string], CurrentMetadata>(
    `SELECT ${reference}, m.bytes, m.expires, r.revision FROM repository AS r JOIN current_metadata AS c ON c.repository = r.id AND c.role = ${given} JOIN metadata AS m ON m.id = c.metadata WHERE r.name = ${given}`,
  );
  const byVersion = database.prepare<[string, number, string], PastMetadata>(
    `SELECT ${reference}, m.bytes, r.incarnation FROM repository AS r JOIN metadata AS m ON m.repository = r.id AND m.role = ${given} AND m.version = ${given} WHERE r.name = ${given}`,
  );
  const byDigest = database.prepare<[string, string, string], PastMetadata>(
    `SELECT ${reference}, m.bytes, r.incarnation FROM repository AS r JOIN metadata AS m ON m.repository = r.id AND m.role = ${given} AND m.sha256 = ${given} WHERE r.name = ${given} ORDER BY m.version DESC LIMIT 1`,
  );
  const names = database
    .prepare<[string, number], string>(
      "SELECT name FROM repository WHERE alive = 1 AND name > ? ORDER BY name LIMIT ?",
    )
    .pluck();
  const firstNames = database
    .prepare<[number], string>("SELECT name FROM repository WHERE alive = 1 ORDER BY name LIMIT ?")
    .pluck();
  const oldestDue = database
    .prepare<[], number | null>("SELECT min(renew_at) FROM repository WHERE renew_at IS NOT NULL")
    .pluck();
  const anything = database.prepare("SELECT number FROM settling WHERE id = 1");
  const changes = prepareFeed(database);
  const dataVersion = database.prepare<[], number>("PRAGMA data_version").pluck();

  const state = database.transaction((name: string): RepositoryState => {
    const row = repository.get(name);
    const alive = row?.alive === 1;
    return {
      repository: name,
      exists: alive,
      format: alive ? row.format : undefined,
      revision: row?.revision ?? 0,
      incarnation: row?.incarnation ?? 0,
      current: new Map(alive ? currents.all(row.id).map((file) => [file.role, file]) : []),
      floor: new Map(row === undefined ? [] : floors.all(row.id).map((each) => [each.role, each.version])),
    };
  });

  return {
    state: (name: string): RepositoryState => state(name),
    standing: (name: string): Standing => {
      const row = repository.get(name);
      return {
        exists: row?.alive === 1,
        revision: row?.revision ?? 0,
        incarnation: row?.incarnation ?? 0,
      };
    },
    current: (name: string, role: string) => current.get(role, name),
    byVersion: (name: string, role: string, version: number) => byVersion.get(role, version, name),
    byDigest: (name: string, role: string, sha256: string) => byDigest.get(role, sha256, name),
    repositories: (after: string | undefined, limit: number): string[] =>
      after === undefined ? firstNames.all(limit) : names.all(after, limit),
    oldestDue: (): number | undefined => oldestDue.get() ?? undefined,
    changes,
    /** Moves with commits of other connections only. */
    changesElsewhere: (): number => dataVersion.get() ?? 0,
    /** Touches the file; throws if it cannot be read. */
    touch: (): void => void anything.get(),
  };
}

/** Four statements, so that each page is one walk along one index. */
function prepareFeed(database: Database.Database) {
  const page = (where: string, order: "ASC" | "DESC") =>
    database.prepare<(string | number)[], ChangeRecord>(
      `SELECT c.id, c.at, r.name AS repository, c.version, c.sha256, c.category FROM change AS c JOIN repository AS r ON r.id = c.repository WHERE ${where} ORDER BY c.id ${order} LIMIT ?`,
    );
  const own = "c.repository = (SELECT id FROM repository WHERE name = ?)";
  const forwards = page("c.id > ?", "ASC");
  const backwards = page("c.id < ?", "DESC");
  const ownForwards = page(`${own} AND c.id > ?`, "ASC");
  const ownBackwards = page(`${own} AND c.id < ?`, "DESC");

  return (query: ChangeQuery): ChangeRecord[] => {
    const ahead = query.direction === "forwards";
    const from = query.from ?? (ahead ? 0 : Number.MAX_SAFE_INTEGER);
    const rows =
      query.repository === undefined
        ? (ahead ? forwards : backwards).all(from, query.limit)
        : (ahead ? ownForwards : ownBackwards).all(query.repository, from, query.limit);
    return ahead ? rows : rows.reverse();
  };
}
