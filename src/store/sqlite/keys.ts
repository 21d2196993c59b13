/** Online keys (active and pending), who else uses a key, and the signer's record. */
import type Database from "better-sqlite3";
import { maxOtherUsers } from "../bounds.ts";
import type { AuditRecord } from "../contract/audit.ts";
import type { KeyringChange, KeyUse, OnlineKey, OnlineRole, PendingKeyLimits } from "../contract/store.ts";
import { keyringLost, keyringMoved } from "../refusals.ts";
import type { AuditChanges } from "./audit.ts";

const columns =
  "repository, role, key_id AS keyId, keytype, public_key AS publicKey, reference, created_at AS createdAt";

/** People may be signing a root that lists the key. */
const isAwaited =
  "EXISTS (SELECT 1 FROM proposal AS p WHERE p.repository = online_key.repository AND p.state = 'open')";

/** Statements that change nothing. */
export function prepareKeyReads(database: Database.Database) {
  const byId = database.prepare<[string, string], OnlineKey>(
    `SELECT ${columns} FROM online_key WHERE repository = ? AND key_id = ?`,
  );
  const pending = database.prepare<[string, OnlineRole, number], OnlineKey>(
    `SELECT ${columns} FROM online_key WHERE repository = ? AND role = ? AND pending = 1 AND (created_at >= ? OR ${isAwaited})`,
  );
  const users = database.prepare<[string, string, number], KeyUse & { readonly repository: string }>(
    "SELECT u.material, u.role, r.name AS repository FROM key_use AS u JOIN repository AS r ON r.id = u.repository WHERE u.material = ? AND r.name <> ? LIMIT ?",
  );
  const record = database.prepare<[], Buffer>("SELECT record FROM keyring WHERE id = 1").pluck();

  return {
    byId(repository: string, keyIds: readonly string[]): OnlineKey[] {
      const keys: OnlineKey[] = [];
      for (const keyId of new Set(keyIds)) {
        const key = byId.get(repository, keyId);
        if (key !== undefined) keys.push(key);
      }
      return keys;
    },

    pending(repository: string, role: OnlineRole, limits: PendingKeyLimits): OnlineKey | undefined {
      return pending.get(repository, role, limits.endOfLife);
    },

    otherUsers(repository: string, materials: readonly string[]) {
      const rows: (KeyUse & { readonly repository: string })[] = [];
      for (const material of new Set(materials)) {
        if (rows.length === maxOtherUsers) break;
        rows.push(...users.all(material, repository, maxOtherUsers - rows.length));
      }
      return rows;
    },

    keyring(): Uint8Array | undefined {
      return record.get();
    },
  };
}

/** Changes; each runs inside a member of `Writer`. */
export function prepareKeyChanges(database: Database.Database, audit: Pick<AuditChanges, "append">) {
  const dropDead = database.prepare<[number]>(
    `DELETE FROM online_key WHERE pending = 1 AND created_at < ? AND NOT ${isAwaited}`,
  );
  const count = database
    .prepare<[], number>("SELECT count(created_at) FROM online_key WHERE pending = 1")
    .pluck();
  const oldest = database
    .prepare<[number, number], number>(
      `SELECT id FROM online_key WHERE pending = 1 AND created_at < ? AND NOT ${isAwaited} ORDER BY created_at, id LIMIT ?`,
    )
    .pluck();
  const drop = database.prepare<[number]>("DELETE FROM online_key WHERE id = ?");
  const insert = database.prepare<[string, string, OnlineRole, string, string, Uint8Array, number]>(
    "INSERT INTO online_key (repository, key_id, role, keytype, public_key, reference, created_at, pending) VALUES (?, ?, ?, ?, ?, ?, ?, 1)",
  );
  const keep = database.prepare<[Uint8Array]>("INSERT INTO keyring (id, record) VALUES (1, ?)");
  const exchange = database.prepare<[Uint8Array, Uint8Array]>(
    "UPDATE keyring SET record = ? WHERE id = 1 AND record = ?",
  );
  const anyKey = database.prepare("SELECT key_id FROM online_key LIMIT 1");
  const reads = prepareKeyReads(database);

  /** False if the store is full and too few pending keys may give way. */
  function makeRoom(limits: PendingKeyLimits): boolean {
    const excess = (count.get() ?? 0) + 1 - limits.most;
    if (excess <= 0) return true;
    const leaving = oldest.all(limits.mayGiveWay, excess);
    if (leaving.length < excess) return false;
    for (const id of leaving) drop.run(id);
    return true;
  }

  return {
    addPending(key: OnlineKey, limits: PendingKeyLimits, record: AuditRecord): OnlineKey | undefined {
      dropDead.run(limits.endOfLife);
      const first = reads.pending(key.repository, key.role, limits);
      if (first !== undefined) return first;
      if (!makeRoom(limits)) return undefined;
      const { repository, keyId, role, keytype, publicKey, reference, createdAt } = key;
      insert.run(repository, keyId, role, keytype, publicKey, reference, createdAt);
      audit.append(record);
      return reads.byId(repository, [keyId])[0];
    },

    createKeyring(record: Uint8Array): Uint8Array {
      const stored = reads.keyring();
      if (stored !== undefined) return stored;
      if (anyKey.get() !== undefined) throw keyringLost();
      keep.run(record);
      return record;
    },

    replaceKeyring({ expected, record, audit: told }: KeyringChange): void {
      if (exchange.run(record, expected).changes !== 1) throw keyringMoved();
      audit.append(told);
    },
  };
}
