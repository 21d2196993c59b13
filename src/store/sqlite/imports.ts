/** What was taken over from elsewhere: its record, the files behind it, and online keys that were made elsewhere. */
import type Database from "better-sqlite3";
import * as bounds from "../bounds.ts";
import type { HeldKeys, HistoryRequest, ImportRecord, ImportStore } from "../contract/imports.ts";
import type {
  MetadataReference,
  NewMetadata,
  OnlineKey,
  OnlineRole,
  Publication,
} from "../contract/store.ts";
import type { AuditChanges } from "./audit.ts";
import { conflict } from "./errors.ts";
import type { Ways } from "./ways.ts";

/** A repository's row, as a change found or left it. */
export interface Life {
  readonly id: number;
  readonly revision: number;
  readonly incarnation: number;
}

interface Place {
  readonly revision: number;
  readonly at: number;
}

/** Statements that change nothing. */
export function prepareImportReads(database: Database.Database) {
  const last = database.prepare<[string], ImportRecord>(
    "SELECT i.revision, i.incarnation, i.at, i.origin FROM repository AS r JOIN imported AS i ON i.repository = r.id AND i.incarnation = r.incarnation WHERE r.name = ? AND r.alive = 1 ORDER BY i.revision DESC LIMIT 1",
  );
  const versions = database.prepare<[string, string, number, number], MetadataReference>(
    "SELECT role, version, sha256, length, stored_at AS storedAt FROM metadata WHERE repository = (SELECT id FROM repository WHERE name = ?) AND role = ? AND version > ? ORDER BY version LIMIT ?",
  );

  return {
    last: (repository: string): ImportRecord | undefined => last.get(repository),
    versions: (query: { repository: string; role: string; after: number; limit: number }) =>
      versions.all(query.repository, query.role, query.after, query.limit),
  };
}

export type ImportChanges = ReturnType<typeof prepareImportChanges>;

/** Changes; each runs inside a member of `Writer`. */
export function prepareImportChanges(database: Database.Database, audit: Pick<AuditChanges, "append">) {
  const reads = prepareImportReads(database);
  const record = database.prepare<[number, number, number, number, string]>(
    "INSERT INTO imported (repository, revision, incarnation, at, origin) VALUES (?, ?, ?, ?, ?)",
  );
  const find = database.prepare<[string], Life>(
    "SELECT id, revision, incarnation FROM repository WHERE name = ? AND alive = 1",
  );
  const digestOf = database
    .prepare<[number, string, number], string>(
      "SELECT sha256 FROM metadata WHERE repository = ? AND role = ? AND version = ?",
    )
    .pluck();
  const removedDigestOf = database
    .prepare<[number, string, number], string>(
      "SELECT sha256 FROM removed_metadata WHERE repository = ? AND role = ? AND version = ?",
    )
    .pluck();
  const currentVersion = database
    .prepare<[number, string], number>(
      "SELECT m.version FROM current_metadata AS c JOIN metadata AS m ON m.id = c.metadata WHERE c.repository = ? AND c.role = ?",
    )
    .pluck();
  /** The import that the next later version of the role came with. */
  const next = database.prepare<[number, string, number], Place>(
    "SELECT i.revision, i.at FROM metadata AS m JOIN imported AS i ON i.repository = m.repository AND i.revision = m.revision WHERE m.repository = ? AND m.role = ? AND m.version > ? ORDER BY m.version LIMIT 1",
  );
  const insert = database.prepare<
    [number, string, number, string, number, number, number, number, Uint8Array]
  >(
    "INSERT INTO metadata (repository, role, version, sha256, length, stored_at, expires, revision, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const hold = database.prepare<[string, string, OnlineRole, string, string, Uint8Array, number]>(
    "INSERT INTO online_key (repository, key_id, role, keytype, public_key, reference, created_at, pending) VALUES (?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT (repository, key_id) DO UPDATE SET pending = 0",
  );
  const look = database.prepare<[number | null, number]>(
    "UPDATE repository SET renew_at = ?, claimed_until = NULL WHERE id = ?",
  );

  function putBehind(id: number, files: readonly NewMetadata[], last: Place): number {
    let added = 0;
    for (const { role, version, sha256, bytes, expires } of files) {
      const stored = digestOf.get(id, role, version) ?? removedDigestOf.get(id, role, version);
      if (stored === sha256) continue;
      if (stored !== undefined) throw conflict("A file of this version is stored with other bytes.");
      const now = currentVersion.get(id, role);
      if (now !== undefined && version > now) throw conflict("A file of the past is above the current one.");
      const { revision, at } = next.get(id, role, version) ?? last;
      insert.run(id, role, version, sha256, bytes.length, at, expires, revision, bytes);
      added++;
    }
    return added;
  }

  function holdAll(keys: readonly OnlineKey[]): void {
    for (const { repository, keyId, role, keytype, publicKey, reference, createdAt } of keys) {
      hold.run(repository, keyId, role, keytype, publicKey, reference, createdAt);
    }
  }

  return {
    afterPublication({ at, imported }: Publication, { id, revision, incarnation }: Life): void {
      if (imported === undefined) return;
      record.run(id, revision, incarnation, at, imported.origin);
      putBehind(id, imported.history, { revision, at });
      holdAll(imported.keys);
    },

    addHistory({ repository, incarnation, files, audit: told }: HistoryRequest): number {
      const life = find.get(repository);
      const last = reads.last(repository);
      if (life === undefined || last === undefined || life.incarnation !== incarnation) {
        throw conflict("The repository was not taken over from elsewhere, or has moved on.");
      }
      const added = putBehind(life.id, files, last);
      if (added > 0) audit.append(told);
      return added;
    },

    holdKeys({ repository, expectedRevision, keys, renewAt, audit: told }: HeldKeys): void {
      const life = find.get(repository);
      if (life === undefined || life.revision !== expectedRevision) {
        throw conflict("The repository has moved on: read it again.");
      }
      audit.append(told);
      holdAll(keys);
      look.run(renewAt ?? null, life.id);
    },
  };
}

export function importStore(
  reads: ReturnType<typeof prepareImportReads>,
  changes: ImportChanges,
  { read, change }: Ways,
): ImportStore {
  return {
    async last(repository) {
      bounds.checkName(repository);
      return read(() => reads.last(repository));
    },
    async versions(query) {
      bounds.checkVersionsQuery(query);
      return read(() => reads.versions(query));
    },
    async addHistory(request) {
      bounds.checkHistory(request);
      return change(() => changes.addHistory(request));
    },
    async holdKeys(request) {
      bounds.checkHeldKeys(request);
      return change(() => changes.holdKeys(request));
    },
  };
}
