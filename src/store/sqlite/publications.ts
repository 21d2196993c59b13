/**
 * The changes to a repository: a publication, a removal, a claim of the refresher. Every function runs inside
 * a member of `Writer` and is atomic by its savepoint.
 */
import type Database from "better-sqlite3";
import { farthestClaim } from "../bounds.ts";
import type {
  Committed,
  FloorRequest,
  Format,
  KeyUse,
  NewMetadata,
  Publication,
  Removal,
} from "../contract/store.ts";
import type { AuditChanges } from "./audit.ts";
import { conflict } from "./errors.ts";
import type { ImportChanges, Life } from "./imports.ts";
import type { ProposalChanges } from "./proposals.ts";
import { given } from "./reads.ts";

interface RepositoryRow {
  readonly id: number;
  readonly alive: number;
  readonly format: Format;
  readonly revision: number;
  readonly incarnation: number;
}

export function prepareChanges(
  database: Database.Database,
  proposals: ProposalChanges,
  audit: Pick<AuditChanges, "append">,
  imports: ImportChanges,
) {
  const find = database.prepare<[string], RepositoryRow>(
    "SELECT id, alive, format, revision, incarnation FROM repository WHERE name = ?",
  );
  const found = database.prepare<[string, Format, number | null]>(
    "INSERT INTO repository (name, alive, format, revision, incarnation, renew_at) VALUES (?, 1, ?, 1, 1, ?)",
  );
  const advance = database.prepare<[Format, number, number, number | null, number]>(
    "UPDATE repository SET alive = 1, format = ?, revision = ?, incarnation = ?, renew_at = ?, claimed_until = NULL WHERE id = ?",
  );
  const record = database.prepare<[number, number, number, number, string, string, number]>(
    "INSERT INTO publication (repository, revision, incarnation, at, kind, principal, audit) VALUES (?, ?, ?, ?, ?, ?, ?)",
  );
  const currentVersion = database
    .prepare<[number, string], number>(
      `SELECT m.version FROM current_metadata AS c JOIN metadata AS m ON m.id = c.metadata WHERE c.repository = ${given} AND c.role = ${given}`,
    )
    .pluck();
  const insert = database.prepare<
    [number, string, number, string, number, number, number, number, Uint8Array]
  >(
    "INSERT INTO metadata (repository, role, version, sha256, length, stored_at, expires, revision, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const point = database.prepare<[number, string, number | bigint]>(
    "INSERT INTO current_metadata (repository, role, metadata) VALUES (?, ?, ?) ON CONFLICT (repository, role) DO UPDATE SET metadata = excluded.metadata",
  );
  const announce = database.prepare<[number, number, number, string, string]>(
    "INSERT INTO change (at, repository, version, sha256, category) VALUES (?, ?, ?, ?, ?)",
  );
  const activate = database.prepare<[string, string]>(
    "UPDATE online_key SET pending = 0 WHERE repository = ? AND key_id = ?",
  );
  const forgetUses = database.prepare<[number]>("DELETE FROM key_use WHERE repository = ?");
  const addUse = database.prepare<[string, number, string]>(
    "INSERT INTO key_use (material, repository, role) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
  );
  const bury = database.prepare<[number, number]>(
    "UPDATE repository SET alive = 0, revision = ?, renew_at = NULL, claimed_until = NULL WHERE id = ?",
  );
  const raiseFloor = database.prepare<[number]>(
    "INSERT INTO tombstone (repository, role, version) SELECT c.repository, c.role, m.version FROM current_metadata AS c JOIN metadata AS m ON m.id = c.metadata WHERE c.repository = ? ON CONFLICT (repository, role) DO UPDATE SET version = max(version, excluded.version)",
  );
  const buried = database.prepare<[string, Format]>(
    "INSERT INTO repository (name, alive, format, revision, incarnation) VALUES (?, 0, ?, 1, 1)",
  );
  const raise = database.prepare<[number, string, number]>(
    "INSERT INTO tombstone (repository, role, version) VALUES (?, ?, ?) ON CONFLICT (repository, role) DO UPDATE SET version = max(version, excluded.version)",
  );
  const forgetCurrent = database.prepare<[number]>("DELETE FROM current_metadata WHERE repository = ?");
  const forgetFiles = database.prepare<[number]>("DELETE FROM metadata WHERE repository = ?");
  const forgetRemoved = database.prepare<[number]>("DELETE FROM removed_metadata WHERE repository = ?");
  const forgetKeys = database.prepare<[string]>("DELETE FROM online_key WHERE repository = ?");
  const due = database
    .prepare<[number, number, number, number], number>(
      "SELECT id FROM repository WHERE renew_at <= ? AND (claimed_until IS NULL OR claimed_until <= ? OR claimed_until > ?) ORDER BY renew_at, name LIMIT ?",
    )
    .pluck();
  const claim = database
    .prepare<[number, number], string>("UPDATE repository SET claimed_until = ? WHERE id = ? RETURNING name")
    .pluck();

  // A row that says so already is left alone: then nothing has to be synced.
  const postpone = database.prepare<[number | null, string, number, number | null]>(
    "UPDATE repository SET renew_at = ?, claimed_until = NULL WHERE name = ? AND alive = 1 AND revision = ? AND (renew_at IS NOT ? OR claimed_until IS NOT NULL)",
  );

  /** The row of the name as it stands after the compare-and-swap. */
  function begin(publication: Publication): Life {
    const { repository, format, expectedRevision } = publication;
    const row = find.get(repository);
    if ((row?.revision ?? 0) !== expectedRevision)
      throw conflict("The repository has moved on: read it again.");
    const renewAt = publication.renewAt ?? null;
    if (row === undefined) {
      const { lastInsertRowid } = found.run(repository, format, renewAt);
      return { id: Number(lastInsertRowid), revision: 1, incarnation: 1 };
    }
    const alive = row.alive === 1;
    if (alive && row.format !== format) throw conflict("The repository has another format.");
    const revision = row.revision + 1;
    const incarnation = alive ? row.incarnation : row.incarnation + 1;
    advance.run(format, revision, incarnation, renewAt, row.id);
    return { id: row.id, revision, incarnation };
  }

  function store(life: Life, at: number, file: NewMetadata): void {
    const { role, version, sha256, bytes, expires } = file;
    const now = currentVersion.get(life.id, role);
    if (now !== undefined && version <= now)
      throw conflict("A file of this or a later version is stored already.");
    const row = insert.run(life.id, role, version, sha256, bytes.length, at, expires, life.revision, bytes);
    point.run(life.id, role, row.lastInsertRowid);
    if (role === "timestamp") announce.run(at, life.id, version, sha256, "update");
  }

  function replaceUses(life: Life, uses: readonly KeyUse[]): void {
    forgetUses.run(life.id);
    for (const use of uses) addUse.run(use.material, life.id, use.role);
  }

  return {
    publish(publication: Publication): Committed {
      const { repository, at, kind, principal } = publication;
      const life = begin(publication);
      const { number } = audit.append(publication.audit);
      record.run(
        life.id,
        life.revision,
        life.incarnation,
        at,
        kind === "refresh" ? kind : "publish",
        principal,
        number,
      );
      for (const file of publication.metadata) store(life, at, file);
      for (const keyId of publication.activateKeys) {
        const known = activate.run(repository, keyId).changes === 1;
        if (!known) throw conflict("An online key of this publication is no longer held.");
      }
      imports.afterPublication(publication, life);
      if (publication.keyUses !== undefined) replaceUses(life, publication.keyUses);
      // What a renewal makes no proposal rests on.
      if (kind !== "refresh") proposals.afterPublication(publication);
      return { revision: life.revision, incarnation: life.incarnation };
    },

    remove(removal: Removal): boolean {
      const { repository, at, principal } = removal;
      const row = find.get(repository);
      if (row === undefined || row.alive === 0) return false;
      const revision = row.revision + 1;
      raiseFloor.run(row.id);
      forgetCurrent.run(row.id);
      forgetFiles.run(row.id);
      forgetRemoved.run(row.id);
      forgetUses.run(row.id);
      forgetKeys.run(repository);
      bury.run(revision, row.id);
      const { number } = audit.append(removal.audit);
      record.run(row.id, revision, row.incarnation, at, "removal", principal, number);
      announce.run(at, row.id, 0, "", "deletion");
      proposals.afterRemoval(removal);
      return true;
    },

    raiseFloor({ repository, format, at, principal, floor, audit: told }: FloorRequest): void {
      const { number } = audit.append(told);
      let id = find.get(repository)?.id;
      if (id === undefined) {
        id = Number(buried.run(repository, format).lastInsertRowid);
        record.run(id, 1, 1, at, "removal", principal, number);
        announce.run(at, id, 0, "", "deletion");
      }
      for (const [role, version] of floor) raise.run(id, role, version);
    },

    isDue(now: number, leaseUntil: number): boolean {
      return due.get(now, now, farthestClaim({ now, leaseUntil }), 1) !== undefined;
    },

    claimDue(now: number, leaseUntil: number, limit: number): string[] {
      const names: string[] = [];
      for (const id of due.all(now, now, farthestClaim({ now, leaseUntil }), limit)) {
        const name = claim.get(leaseUntil, id);
        if (name !== undefined) names.push(name);
      }
      return names;
    },

    postpone(repository: string, revision: number, renewAt: number | undefined): void {
      postpone.run(renewAt ?? null, repository, revision, renewAt ?? null);
    },
  };
}
