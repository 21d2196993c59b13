/** The record of changes on SQLite. */
import type Database from "better-sqlite3";
import * as bounds from "../bounds.ts";
import type { ChangeOfRepository, HistoryStore } from "../history.ts";
import type { Ways } from "./ways.ts";

export function sqliteHistory(database: Database.Database, { read }: Pick<Ways, "read">): HistoryStore {
  const changes = database.prepare<[string, number, number], ChangeOfRepository>(
    "SELECT p.revision, p.incarnation, p.at, CASE WHEN i.revision IS NULL THEN p.kind ELSE 'import' END AS kind, p.principal FROM publication AS p LEFT JOIN imported AS i ON i.repository = p.repository AND i.revision = p.revision WHERE p.repository = (SELECT id FROM repository WHERE name = ?) AND p.revision > ? ORDER BY p.revision LIMIT ?",
  );
  return {
    async changes(repository, after, limit) {
      bounds.checkName(repository);
      bounds.checkInstant(after);
      bounds.checkLimit(limit, bounds.maxPage);
      return read(() => changes.all(repository, after, limit));
    },
  };
}
