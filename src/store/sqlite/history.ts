/** The record of changes on SQLite. */
import type Database from "better-sqlite3";
import * as bounds from "../bounds.ts";
import type { ChangeOfRepository, HistoryStore } from "../contract/history.ts";
import { fromRecord, recordColumns } from "./record.ts";
import type { Ways } from "./ways.ts";

export function sqliteHistory(database: Database.Database, { read }: Pick<Ways, "read">): HistoryStore {
  const changes = database.prepare<[string, number, number], ChangeOfRepository>(
    `SELECT ${recordColumns} ${fromRecord} WHERE p.repository = (SELECT id FROM repository WHERE name = ?) AND p.revision > ? ORDER BY p.revision LIMIT ?`,
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
