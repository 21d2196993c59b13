/** The key register on SQLite. Changes run inside a member of `Writer` and are atomic by its savepoint. */
import type Database from "better-sqlite3";
import * as registerBounds from "../bounds/register.ts";
import {
  type Denial,
  type DeniedKey,
  type KeyRegister,
  type Lift,
  maxDenied,
  type RegisteredKey,
  type Told,
} from "../contract/register.ts";
import type { AuditChanges } from "./audit.ts";
import type { Ways } from "./ways.ts";

type Row<T> = { [K in keyof T]: undefined extends T[K] ? Exclude<T[K], undefined> | null : T[K] };

const entry =
  "key_id AS keyId, since, until, owner, custody, registered_at AS registeredAt, registered_by AS registeredBy";
const denial =
  "key_id AS keyId, denied_at AS deniedAt, denied_by AS deniedBy, reason, lifted_at AS liftedAt, lifted_by AS liftedBy";

function prepare(database: Database.Database, audit: Pick<AuditChanges, "append">) {
  const all = database.prepare<[string, number, number], Row<RegisteredKey>>(
    `SELECT ${entry} FROM registered_key WHERE (key_id, since) > (?, ?) ORDER BY key_id, since LIMIT ?`,
  );
  const ofOwner = database.prepare<[string, string, number, number], Row<RegisteredKey>>(
    `SELECT ${entry} FROM registered_key WHERE owner = ? AND (key_id, since) > (?, ?) ORDER BY key_id, since LIMIT ?`,
  );
  const put = database.prepare<[string, number, number | null, string, string, number, string]>(
    "INSERT INTO registered_key (key_id, since, until, owner, custody, registered_at, registered_by) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key_id, since) DO UPDATE SET until = excluded.until, owner = excluded.owner, custody = excluded.custody, registered_at = excluded.registered_at, registered_by = excluded.registered_by",
  );
  const now = database.prepare<[], Row<DeniedKey>>(
    `SELECT ${denial} FROM denied_key WHERE lifted_at IS NULL ORDER BY key_id`,
  );
  const ever = database.prepare<[string, number, number], Row<DeniedKey>>(
    `SELECT ${denial} FROM denied_key WHERE (key_id, denied_at) > (?, ?) ORDER BY key_id, denied_at LIMIT ?`,
  );
  const count = database
    .prepare<[], number>("SELECT count(key_id) FROM denied_key WHERE lifted_at IS NULL")
    .pluck();
  // One that was lifted in the very same millisecond is denied again by its own row.
  const deny = database.prepare<[string, number, string, string]>(
    "INSERT INTO denied_key (key_id, denied_at, denied_by, reason) VALUES (?, ?, ?, ?) ON CONFLICT (key_id, denied_at) DO UPDATE SET denied_by = excluded.denied_by, reason = excluded.reason, lifted_at = NULL, lifted_by = NULL",
  );
  const isDenied = database
    .prepare<[string], number>("SELECT 1 FROM denied_key WHERE key_id = ? AND lifted_at IS NULL")
    .pluck();
  const lift = database.prepare<[number, string, string]>(
    "UPDATE denied_key SET lifted_at = ?, lifted_by = ? WHERE key_id = ? AND lifted_at IS NULL",
  );

  return {
    all: all.all.bind(all),
    ofOwner: ofOwner.all.bind(ofOwner),
    now: now.all.bind(now),
    ever: ever.all.bind(ever),
    put(given: RegisteredKey & Told): void {
      const { keyId, since, until, owner, custody, registeredAt, registeredBy } = given;
      put.run(keyId, since, until ?? null, owner, custody, registeredAt, registeredBy);
      audit.append(given.audit);
    },
    deny({ keyId, deniedAt, deniedBy, reason, audit: told }: Denial & Told): boolean {
      if (isDenied.get(keyId) !== undefined || (count.get() ?? 0) >= maxDenied) return false;
      deny.run(keyId, deniedAt, deniedBy, reason);
      audit.append(told);
      return true;
    },
    lift({ keyId, at, by, audit: told }: Lift & Told): boolean {
      const wasDenied = lift.run(at, by, keyId).changes === 1;
      if (wasDenied) audit.append(told);
      return wasDenied;
    },
  };
}

export function sqliteRegister(
  database: Database.Database,
  audit: Pick<AuditChanges, "append">,
  { read, change }: Ways,
): KeyRegister {
  const rows = prepare(database, audit);
  const registered = (row: Row<RegisteredKey>): RegisteredKey => ({ ...row, until: row.until ?? undefined });
  const denied = (row: Row<DeniedKey>): DeniedKey => ({
    ...row,
    liftedAt: row.liftedAt ?? undefined,
    liftedBy: row.liftedBy ?? undefined,
  });
  return {
    async list(query) {
      registerBounds.checkRegisterQuery(query);
      const { owner, after = { keyId: "", since: 0 }, limit } = query;
      return read(() =>
        (owner === undefined
          ? rows.all(after.keyId, after.since, limit)
          : rows.ofOwner(owner, after.keyId, after.since, limit)
        ).map(registered),
      );
    },
    async put(given) {
      registerBounds.checkRegistered(given);
      return change(() => rows.put(given));
    },
    async deny(given) {
      registerBounds.checkDenial(given);
      return change(() => rows.deny(given));
    },
    async lift(request) {
      registerBounds.checkLift(request);
      return change(() => rows.lift(request));
    },
    async denied() {
      return read(() => rows.now().map(denied));
    },
    async denials(after, limit) {
      registerBounds.checkDenialPage(after, limit);
      return read(() => rows.ever(after.keyId, after.deniedAt, limit).map(denied));
    },
  };
}
