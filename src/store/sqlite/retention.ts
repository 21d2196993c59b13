/** Retention on SQLite. Changes run inside a member of `Writer` and are atomic by its savepoint. */
import type Database from "better-sqlite3";
import * as retentionBounds from "../bounds/retention.ts";
import * as bounds from "../bounds.ts";
import {
  type RemovedFile,
  type RetentionRequest,
  type RetentionStore,
  removedRecord,
  type StoredFile,
} from "../contract/retention.ts";
import type { AuditChanges } from "./audit.ts";
import { conflict } from "./errors.ts";
import type { Ways } from "./ways.ts";

const stored = "role, version, sha256, length, stored_at AS storedAt, expires, revision";
const removed = `${stored}, removed_at AS removedAt`;
const ofName = "repository = (SELECT id FROM repository WHERE name = ?)";

function prepare(database: Database.Database, audit: Pick<AuditChanges, "append">) {
  const files = database.prepare<[string, string, number, number], StoredFile>(
    `SELECT ${stored} FROM metadata WHERE ${ofName} AND (role, version) > (?, ?) ORDER BY role, version LIMIT ?`,
  );
  const removedFiles = database.prepare<[string, string, number, number], RemovedFile>(
    `SELECT ${removed} FROM removed_metadata WHERE ${ofName} AND (role, version) > (?, ?) ORDER BY role, version LIMIT ?`,
  );
  const byDigest = database.prepare<[string, string, string], RemovedFile>(
    `SELECT ${removed} FROM removed_metadata WHERE ${ofName} AND role = ? AND sha256 = ? ORDER BY version DESC LIMIT 1`,
  );
  const life = database.prepare<[string], { id: number; alive: number; incarnation: number }>(
    "SELECT id, alive, incarnation FROM repository WHERE name = ?",
  );
  const isCurrent = database
    .prepare<[number, string, number], number>(
      "SELECT 1 FROM current_metadata AS c JOIN metadata AS m ON m.id = c.metadata WHERE c.repository = ? AND c.role = ? AND m.version = ?",
    )
    .pluck();
  const remember = database.prepare<[number, number, string, number], { length: number }>(
    "INSERT INTO removed_metadata (repository, role, version, sha256, length, stored_at, expires, revision, removed_at) SELECT repository, role, version, sha256, length, stored_at, expires, revision, ? FROM metadata WHERE repository = ? AND role = ? AND version = ? RETURNING length",
  );
  const forget = database.prepare<[number, string, number]>(
    "DELETE FROM metadata WHERE repository = ? AND role = ? AND version = ?",
  );

  return {
    files: files.all.bind(files),
    removedFiles: removedFiles.all.bind(removedFiles),
    removed: (repository: string, role: string, sha256: string) => byDigest.get(repository, role, sha256),
    remove(request: RetentionRequest): number {
      const { repository, incarnation, at, files: wanted } = request;
      const row = life.get(repository);
      if (row?.alive !== 1 || row.incarnation !== incarnation) {
        throw conflict("The repository has moved on: read it again.");
      }
      const gone: Pick<StoredFile, "role" | "version" | "length">[] = [];
      for (const { role, version } of wanted) {
        if (role === "root" || isCurrent.get(row.id, role, version) !== undefined) {
          throw conflict("A file that is current or a root is never taken away.");
        }
        const file = remember.get(at, row.id, role, version);
        if (file === undefined) continue;
        forget.run(row.id, role, version);
        gone.push({ role, version, length: file.length });
      }
      if (gone.length > 0) audit.append(removedRecord(request, gone));
      return gone.length;
    },
  };
}

export function sqliteRetention(
  database: Database.Database,
  audit: Pick<AuditChanges, "append">,
  { read, change }: Ways,
): RetentionStore {
  const rows = prepare(database, audit);
  return {
    async files(repository, after, limit) {
      retentionBounds.checkPage(repository, after, limit);
      return read(() => rows.files(repository, after.role, after.version, limit));
    },
    async remove(request) {
      retentionBounds.checkRetention(request);
      return change(() => rows.remove(request));
    },
    async removedFiles(repository, after, limit) {
      retentionBounds.checkPage(repository, after, limit);
      return read(() => rows.removedFiles(repository, after.role, after.version, limit));
    },
    async removed(repository, role, sha256) {
      bounds.checkName(repository);
      bounds.checkName(role);
      return read(() => rows.removed(repository, role, sha256));
    },
  };
}
