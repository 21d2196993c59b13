/** The record of changes on SQLite. */
import type Database from "better-sqlite3";
import * as bounds from "../bounds.ts";
import type { ChangeOfRepository, HistoryStore } from "../history.ts";
import type { Ways } from "./outbox.ts";

export function sqliteHistory(database: Database.Database, { read }: Pick<Ways, "read">): HistoryStore {
  const changes = database.prepare<[string, number, number], ChangeOfRepository>(
    "SELECT revision, incarnation, at, kind, principal FROM publication WHERE repository = (SELECT id FROM repository WHERE name = ?) AND revision > ? ORDER BY revision LIMIT ?",
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
