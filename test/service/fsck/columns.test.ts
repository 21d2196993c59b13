/**
 * Column by column: a value that is altered in the database file is found, or it is said here why it need not be. A column
 * that a migration adds fails this until it has a row.
 */
import { join } from "node:path";
import Database from "better-sqlite3";
import { beforeAll, describe, expect, test } from "vitest";
import {
  again,
  check,
  full,
  own,
  placeCopy,
  removed,
  type StoredCopy,
  storedStore,
  waiting,
} from "../../support/stored.ts";
import { accessColumnsUnchecked, accessRows } from "./access-columns.ts";
import { outboxColumnsUnchecked, outboxRows } from "./outbox-columns.ts";
import { otherOf, proposalColumnsUnchecked, proposalRows, type Row } from "./proposal-columns.ts";
import { registerColumnsUnchecked, registerRows } from "./register-columns.ts";
import { trailColumnsUnchecked, trailRows } from "./trail-columns.ts";

let copy: StoredCopy;
beforeAll(async () => {
  copy = await storedStore();
});

const idOf = (name: string) => `(SELECT id FROM repository WHERE name = '${name}')`;
const of = (name: string) => `repository = ${idOf(name)}`;
const inFull = (role: string, version: number) => `${of(full)} AND role = '${role}' AND version = ${version}`;
const otherDigest = otherOf("sha256");
const rows: readonly Row[] = [
  ["repository.id", "moved", "99", `name = '${own}'`, ["DATABASE_DAMAGED"]],
  ["repository.name", "another", "'example.org/else'", `name = '${full}'`, ["LEFTOVER", full, "timestamp"]],
  ["repository.alive", "removed", "0", `name = '${own}'`, ["LEFTOVER", own, "root", 1]],
  ["repository.alive", "back to life", "1", `name = '${removed}'`, ["FILE_MISSING", removed, "root"]],
  ["repository.format", "another", "'tuf'", `name = '${full}'`, ["FORMAT_WRONG", full]],
  ["repository.revision", "later", "revision + 1", `name = '${full}'`, ["HISTORY_BROKEN", full]],
  ["repository.incarnation", "later", "9", `name = '${again}'`, ["HISTORY_BROKEN", again]],
  ["repository.renew_at", "none", "NULL", `name = '${full}'`, ["RENEWAL_WRONG", full, "timestamp"]],
  [
    "repository.renew_at",
    "after the timestamp's end",
    "(SELECT max(expires) + 1 FROM metadata WHERE repository = repository.id AND role = 'timestamp')",
    `name = '${full}'`,
    ["RENEWAL_WRONG", full, "timestamp"],
  ],
  ["repository.renew_at", "of nothing", "1", `name = '${removed}'`, ["RENEWAL_WRONG", removed]],

  ["metadata.id", "moved", "9999", inFull("targets", 3), ["POINTER_WRONG", full, "targets"]],
  [
    "metadata.repository",
    "another's",
    idOf(again),
    inFull("targets", 3),
    ["POINTER_WRONG", full, "targets", 3],
  ],
  ["metadata.role", "another", "'targets/x'", inFull("targets", 3), ["FILE_MALFORMED", full, "targets/x", 3]],
  ["metadata.version", "another", "7", inFull("root", 2), ["FILE_MISLABELLED", full, "root", 7]],
  ["metadata.sha256", "another", otherDigest, inFull("root", 1), ["FILE_ALTERED", full, "root", 1]],
  ["metadata.length", "another", "1", inFull("root", 2), ["FILE_LENGTH", full, "root", 2]],
  ["metadata.stored_at", "later", "stored_at + 1", inFull("root", 2), ["DATE_WRONG", full, "root", 2]],
  ["metadata.stored_at", "never", "0", inFull("timestamp", 6), ["DATE_WRONG", full, "timestamp", 6]],
  ["metadata.expires", "later", "expires + 1", inFull("root", 2), ["FILE_MISLABELLED", full, "root", 2]],
  ["metadata.revision", "none that is", "99", inFull("root", 2), ["FILE_MISLABELLED", full, "root", 2]],
  ["metadata.revision", "not above", "3", inFull("targets", 1), ["FILE_MISLABELLED", full, "targets", 2]],
  [
    "metadata.revision",
    "of a removal",
    "3",
    `${of(again)} AND role = 'root'`,
    ["FILE_MISLABELLED", again, "root", 1],
  ],
  ["metadata.bytes", "none", "x''", inFull("root", 2), ["FILE_ALTERED", full, "root", 2]],

  [
    "current_metadata.repository",
    "another's",
    "99",
    `${of(full)} AND role = 'snapshot'`,
    ["POINTER_WRONG", full, "snapshot"],
  ],
  [
    "current_metadata.role",
    "another",
    "'targets/x'",
    `${of(full)} AND role = 'snapshot'`,
    ["POINTER_WRONG", full, "snapshot"],
  ],
  [
    "current_metadata.metadata",
    "older",
    `(SELECT id FROM metadata WHERE ${inFull("root", 1)})`,
    `${of(full)} AND role = 'root'`,
    ["POINTER_WRONG", full, "root", 1],
  ],

  [
    "tombstone.repository",
    "another's",
    idOf(full),
    `${of(removed)} AND role = 'root'`,
    ["FLOOR_WRONG", removed, "root"],
  ],
  [
    "tombstone.role",
    "another",
    "'x'",
    `${of(again)} AND role = 'targets'`,
    ["FLOOR_WRONG", again, "targets"],
  ],
  [
    "tombstone.version",
    "lower",
    "1",
    `${of(removed)} AND role = 'timestamp'`,
    ["FLOOR_WRONG", removed, "timestamp"],
  ],

  ["publication.repository", "another's", "99", `${of(full)} AND revision = 2`, ["HISTORY_BROKEN", full]],
  ["publication.revision", "another", "99", `${of(full)} AND revision = 2`, ["HISTORY_BROKEN", full]],
  ["publication.incarnation", "another", "2", `${of(full)} AND revision = 2`, ["HISTORY_BROKEN", full]],
  ["publication.at", "later", "at + 1", `${of(full)} AND revision = 3`, ["DATE_WRONG", full, "root", 2]],
  [
    "publication.at",
    "of an earlier life",
    "at + 1",
    `${of(removed)} AND revision = 1`,
    ["DATE_WRONG", removed, "timestamp", 1],
  ],
  [
    "publication.at",
    "of a removal",
    "at + 1",
    `${of(removed)} AND kind = 'removal'`,
    ["DATE_WRONG", removed],
  ],
  [
    "publication.kind",
    "a renewal",
    "'refresh'",
    `${of(full)} AND revision = 1`,
    ["HISTORY_BROKEN", full, "root", 1],
  ],
  [
    "publication.kind",
    "a publication",
    "'publish'",
    `${of(full)} AND revision = (SELECT max(revision) FROM publication WHERE ${of(full)})`,
    ["HISTORY_BROKEN", full, "snapshot", 6],
  ],
  ["publication.kind", "a removal", "'removal'", `${of(full)} AND revision = 2`, ["HISTORY_BROKEN", full]],
  ["publication.principal", "nobody", "''", `${of(full)} AND revision = 1`, ["HISTORY_BROKEN", full]],
  [
    "publication.principal",
    "who renewed",
    "'somebody'",
    `${of(full)} AND kind = 'refresh'`,
    ["HISTORY_BROKEN", full],
  ],

  ["change.id", "moved", "999", "id = 2", ["FEED_HOLE"]],
  ["change.at", "later", "at + 1", `${of(full)} AND version = 2`, ["DATE_WRONG", full, "timestamp", 2]],
  [
    "change.at",
    "of a deletion",
    "at - 1",
    `${of(removed)} AND category = 'deletion'`,
    ["DATE_WRONG", removed],
  ],
  ["change.repository", "nobody's", "99", "id = 2", ["FEED_WRONG"]],
  ["change.version", "another", "9", `${of(full)} AND version = 2`, ["FEED_WRONG", full, "timestamp", 2]],
  [
    "change.version",
    "that does not rise, in an earlier life",
    "1",
    `${of(removed)} AND version = 2`,
    ["FEED_WRONG", removed, "timestamp", 1],
  ],
  [
    "change.version",
    "of a deletion",
    "1",
    `${of(removed)} AND category = 'deletion'`,
    ["FEED_WRONG", removed],
  ],
  [
    "change.sha256",
    "another",
    otherDigest,
    `${of(full)} AND version = 2`,
    ["FEED_WRONG", full, "timestamp", 2],
  ],
  [
    "change.sha256",
    "none, in an earlier life",
    "''",
    `${of(removed)} AND version = 1`,
    ["FEED_WRONG", removed, "timestamp", 1],
  ],
  ["change.category", "another", "'deletion'", `${of(full)} AND version = 2`, ["FEED_WRONG", full]],

  [
    "online_key.repository",
    "another's",
    `'${removed}'`,
    `repository = '${full}' AND role = 'timestamp'`,
    ["KEY_DAMAGED", removed, "timestamp"],
  ],
  [
    "online_key.key_id",
    "another",
    "'x'",
    `repository = '${full}' AND role = 'timestamp'`,
    ["KEY_MISMATCH", full, "timestamp"],
  ],
  [
    "online_key.role",
    "another",
    "'snapshot'",
    `repository = '${full}' AND role = 'timestamp'`,
    ["KEY_DAMAGED", full, "snapshot"],
  ],
  [
    "online_key.keytype",
    "another",
    "'x'",
    `repository = '${full}' AND role = 'timestamp'`,
    ["KEY_MISMATCH", full, "timestamp"],
  ],
  [
    "online_key.public_key",
    "another",
    "'AAAA'",
    `repository = '${full}' AND role = 'timestamp'`,
    ["KEY_MISMATCH", full, "timestamp"],
  ],
  [
    "online_key.reference",
    "none",
    "x''",
    `repository = '${full}' AND role = 'timestamp'`,
    ["KEY_DAMAGED", full, "timestamp"],
  ],
  [
    "online_key.created_at",
    "ahead",
    "created_at + 999999999",
    `repository = '${waiting}'`,
    ["DATE_WRONG", waiting, "timestamp"],
  ],
  [
    "online_key.created_at",
    "before any clock",
    "-1",
    `repository = '${waiting}'`,
    ["DATE_WRONG", waiting, "timestamp"],
  ],
  [
    "online_key.pending",
    "of the root's key",
    "1",
    `repository = '${full}' AND role = 'timestamp'`,
    ["KEY_STATE_WRONG", full, "timestamp"],
  ],
  ["online_key.pending", "of nothing", "0", `repository = '${waiting}'`, ["LEFTOVER", waiting, "timestamp"]],

  ["key_use.material", "another", "'x'", `${of(full)} AND role = 'targets'`, ["KEY_USE_WRONG", full, "root"]],
  [
    "key_use.repository",
    "another's",
    idOf(removed),
    `${of(full)} AND role = 'targets'`,
    ["LEFTOVER", removed, "targets"],
  ],
  [
    "key_use.repository",
    "another's, missed where it was",
    idOf(own),
    `${of(full)} AND role = 'targets'`,
    ["KEY_USE_WRONG", full, "root"],
  ],
  ["key_use.role", "another", "'root'", `${of(full)} AND role = 'targets'`, ["KEY_USE_WRONG", full, "root"]],

  ["keyring.record", "none", "x''", "id = 1", ["KEYRING_UNOPENED"]],
  ...proposalRows,
  ...outboxRows,
  ...trailRows,
  ...accessRows,
  ...registerRows,
];

/** Columns whose values nothing vouches for, or need not. */
const unchecked: Readonly<Record<string, string>> = {
  "imported.repository": "of a repository that was made here nothing is in this table",
  "imported.revision": "likewise; of one that was taken over, its past is then missed in the changefeed",
  "imported.incarnation": "tells where a life came from; nothing else vouches for it",
  "imported.at": "likewise",
  "imported.origin": "likewise",
  "repository.claimed_until":
    "a lease: it ends by itself, a commit ends it, and one that reaches too far ahead holds nobody off",
  "online_key.id": "the order in which keys of one instant give way; nothing refers to it",
  "keyring.id": "always 1, by a constraint that SQLite's own check of the file holds",
  "settling.id": "always 1, by a constraint that SQLite's own check of the file holds",
  "settling.number": "written only so that something is written; nobody reads it",
  ...proposalColumnsUnchecked,
  ...outboxColumnsUnchecked,
  ...trailColumnsUnchecked,
  ...accessColumnsUnchecked,
  ...registerColumnsUnchecked,
  "migration.name": "held against the migrations that are known whenever a store is opened (STORE_NEWER)",
  "migration.sha256":
    "held against the migrations that are known whenever a store is opened (MIGRATION_EDITED)",
};

function altered([column, , value, where]: Row): (database: Database.Database) => void {
  const [table, name] = column.split(".");
  return (database) => {
    // The schema's own constraints keep nobody from writing into a file.
    database.pragma("ignore_check_constraints = ON");
    const { changes } = database.prepare(`UPDATE ${table} SET ${name} = ${value} WHERE ${where}`).run();
    expect(changes).toBeGreaterThan(0);
  };
}

describe("an altered value", () => {
  test.each(rows)("of %s: %s", async (...row) => {
    const [code, repository, role, version] = row[4];
    const { damages } = await check(placeCopy(copy, altered(row)), copy.secret);
    expect(damages.map((damage) => ({ ...damage, sentence: "" }))).toContainEqual({
      code,
      sentence: "",
      ...(repository !== undefined && { repository }),
      ...(role !== undefined && { role }),
      ...(version !== undefined && { version }),
    });
    // Each says what to do.
    for (const { sentence } of damages) expect(sentence).toMatch(/: .*\b(restore|give|have|publish)\b/);
  });

  test.each(["claimed_until = 9007199254740991", "claimed_until = -1"])(
    "that needs no check: %s",
    async (set) => {
      const spoilt = placeCopy(copy, (d) => d.exec(`UPDATE repository SET ${set} WHERE alive = 1`));
      expect((await check(spoilt, copy.secret)).damages).toEqual([]);
    },
  );
});

test("every column of the schema is altered by one of these tests, or it is said why not", () => {
  const database = new Database(
    join(
      placeCopy(copy, () => {}),
      "vidimus.sqlite",
    ),
  );
  const columns = database
    .prepare<[], string>(
      "SELECT t.name || '.' || c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' ORDER BY 1",
    )
    .pluck()
    .all();
  database.close();
  expect(columns.length).toBeGreaterThan(40);
  const known = [...new Set(rows.map(([column]) => column)), ...Object.keys(unchecked)];
  expect(known.sort()).toEqual(columns.sort());
});

describe("what is no damage", () => {
  test("nothing is down for renewal where nothing can be renewed before there is another root", async () => {
    const set = (d: Database.Database) =>
      d.exec(`UPDATE repository SET renew_at = NULL WHERE name = '${full}'`);
    const afterItsEnd = await check(placeCopy(copy, set), copy.secret, Number.MAX_SAFE_INTEGER);
    expect(afterItsEnd.damages).toEqual([]);
    const withoutKey = placeCopy(copy, (d) => {
      set(d);
      d.exec(`DELETE FROM online_key WHERE repository = '${full}' AND role = 'timestamp'`);
    });
    const { damages } = await check(withoutKey, copy.secret);
    expect(damages.map(({ code }) => code)).toEqual(["KEY_MISSING"]);
  });

  test("a look at a repository that comes early", async () => {
    const early = placeCopy(copy, (d) => d.exec(`UPDATE repository SET renew_at = 0 WHERE name = '${full}'`));
    expect((await check(early, copy.secret)).damages).toEqual([]);
  });

  test("a waiting key that is a little ahead of this clock", async () => {
    const ahead = placeCopy(copy, (d) =>
      d.exec(`UPDATE online_key SET created_at = created_at + 3600000 WHERE repository = '${waiting}'`),
    );
    expect((await check(ahead, copy.secret)).damages).toEqual([]);
  });
});
