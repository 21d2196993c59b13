/** Every kind of damage, planted in a real store, is found and named; a sound store has none. */
import { createHash, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type Database from "better-sqlite3";
import { beforeAll, describe, expect, test } from "vitest";
import { damageCodes } from "../../../src/service/fsck/damage.ts";
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

let copy: StoredCopy;
beforeAll(async () => {
  copy = await storedStore();
});

const idOf = `(SELECT id FROM repository WHERE name = ?)`;
const fileOf = (role: string, version: number) =>
  `(SELECT id FROM metadata WHERE repository = ${idOf} AND role = '${role}' AND version = ${version})`;

/** What is planted, and what is found then: code, repository, role, version. */
type Row = [
  what: string,
  spoil: (database: Database.Database) => void,
  found: [code: string, repository?: string, role?: string, version?: number],
];

function flip(database: Database.Database, role: string, version: number, rehash = false): void {
  const where = `WHERE id = ${fileOf(role, version)}`;
  const bytes = database.prepare(`SELECT bytes FROM metadata ${where}`).pluck().get(full) as Buffer;
  // Inside the base64 of a signature: still JSON.
  const at = bytes.indexOf('"sig":"') + 20;
  bytes[at] = bytes[at] === 0x41 ? 0x42 : 0x41;
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  database.prepare(`UPDATE metadata SET bytes = ? ${where}`).run(bytes, full);
  if (rehash) database.prepare(`UPDATE metadata SET sha256 = ? ${where}`).run(sha256, full);
}

const rows: Row[] = [
  [
    "an altered file of a proposal",
    (d) =>
      d.exec("UPDATE proposal_file SET signed = CAST(replace(CAST(signed AS TEXT), 'one', 'two') AS BLOB)"),
    ["PROPOSAL_ALTERED", full],
  ],
  [
    "a file of a proposal under another version",
    (d) => d.exec("UPDATE proposal_file SET version = version + 1"),
    ["PROPOSAL_ALTERED", full, "targets", 5],
  ],
  [
    "an open proposal on a base that is not current",
    (d) => d.exec("UPDATE proposal_base SET version = version - 1 WHERE role = 'root'"),
    ["PROPOSAL_STALE", full, "root", 1],
  ],
  [
    "a signature of a proposal by nobody",
    (d) => d.exec("UPDATE proposal_signature SET key_id = 'x'"),
    ["PROPOSAL_SIGNATURE_WRONG", again, "targets", 3],
  ],
  [
    "a signature of a proposal that is gone",
    (d) => d.exec("DELETE FROM proposal_signature"),
    ["PROPOSAL_RECORD_WRONG", again],
  ],
  [
    "a root that counts as taken away",
    (d) => d.exec("UPDATE removed_metadata SET role = 'root'"),
    ["REMOVAL_WRONG", own, "root", 1],
  ],
  [
    "what was taken away, and no row says so",
    (d) => d.exec("DELETE FROM removed_metadata"),
    ["TRAIL_INCOMPLETE", own],
  ],
  [
    "an announcement that counts as told",
    (d) => d.exec("UPDATE announcement SET settled_at = 1"),
    ["OUTBOX_WRONG"],
  ],
  ["a password in clear", (d) => d.exec("UPDATE access_user SET password = 'a password'"), ["ACCESS_WRONG"]],
  ["a denial that nobody made", (d) => d.exec("UPDATE denied_key SET denied_by = ''"), ["REGISTER_WRONG"]],
  ["a flipped bit in a current file", (d) => flip(d, "targets", 2), ["FILE_ALTERED", full, "targets", 2]],
  ["a flipped bit in an old root", (d) => flip(d, "root", 1), ["FILE_ALTERED", full, "root", 1]],
  [
    "an old root with a bad signature under a true digest",
    (d) => flip(d, "root", 1, true),
    ["ROOT_CHAIN_BROKEN", full, "root", 1],
  ],
  [
    "a current timestamp with a bad signature under a true digest",
    (d) => flip(d, "timestamp", 6, true),
    ["CHAIN_BROKEN", full, "timestamp", 6],
  ],
  [
    "a file that was put in the place of a listed one",
    (d) => flip(d, "targets", 1, true),
    ["FILE_MISSING", full, "targets"],
  ],
  [
    "a length",
    (d) => d.prepare(`UPDATE metadata SET length = length + 1 WHERE id = ${fileOf("root", 2)}`).run(full),
    ["FILE_LENGTH", full, "root", 2],
  ],
  [
    "an expiry",
    (d) => d.prepare(`UPDATE metadata SET expires = 1 WHERE id = ${fileOf("snapshot", 2)}`).run(full),
    ["FILE_MISLABELLED", full, "snapshot", 2],
  ],
  [
    "bytes that were never metadata",
    (d) => {
      const text = Buffer.from("{}");
      const sha256 = createHash("sha256").update(text).digest("hex");
      d.prepare(
        `UPDATE metadata SET bytes = ?, sha256 = ?, length = 2 WHERE id = ${fileOf("snapshot", 2)}`,
      ).run(text, sha256, full);
    },
    ["FILE_MALFORMED", full, "snapshot", 2],
  ],
  [
    "a deleted row of an old targets file",
    (d) => d.prepare(`DELETE FROM metadata WHERE id = ${fileOf("targets", 1)}`).run(full),
    ["FILE_MISSING", full, "targets"],
  ],
  [
    "a deleted row of an old root",
    (d) => d.prepare(`DELETE FROM metadata WHERE id = ${fileOf("root", 1)}`).run(full),
    ["FILE_MISSING", full, "root"],
  ],
  [
    "a deleted row of an old timestamp",
    (d) => d.prepare(`DELETE FROM metadata WHERE id = ${fileOf("timestamp", 2)}`).run(full),
    ["FILE_MISSING", full, "timestamp"],
  ],
  [
    "a pointer that was moved back",
    (d) =>
      d
        .prepare(
          `UPDATE current_metadata SET metadata = ${fileOf("targets", 1)} WHERE role = 'targets' AND repository = ${idOf}`,
        )
        .run(full, full),
    ["POINTER_WRONG", full, "targets", 1],
  ],
  [
    "a pointer into another repository",
    (d) =>
      d
        .prepare(
          `UPDATE current_metadata SET metadata = ${fileOf("targets", 1)} WHERE role = 'targets' AND repository = ${idOf}`,
        )
        .run(own, full),
    ["POINTER_WRONG", full, "targets", 1],
  ],
  [
    "a pointer that is gone",
    (d) =>
      d.prepare(`DELETE FROM current_metadata WHERE role = 'snapshot' AND repository = ${idOf}`).run(full),
    ["POINTER_WRONG", full, "snapshot"],
  ],
  [
    "a lost row of the record",
    (d) => d.prepare(`DELETE FROM publication WHERE revision = 2 AND repository = ${idOf}`).run(full),
    ["HISTORY_BROKEN", full],
  ],
  [
    "a repository's revision that was set back",
    (d) => d.prepare("UPDATE repository SET revision = revision - 1 WHERE name = ?").run(full),
    ["HISTORY_BROKEN", full],
  ],
  [
    "another incarnation",
    (d) => d.prepare("UPDATE repository SET incarnation = 7 WHERE name = ?").run(again),
    ["HISTORY_BROKEN", again],
  ],
  [
    "an entry of the audit trail that says something else",
    (d) => d.exec("UPDATE audit SET actor = 'mallory' WHERE number = 2"),
    ["TRAIL_BROKEN"],
  ],
  ["an audit trail with a hole", (d) => d.exec("DELETE FROM audit WHERE number = 3"), ["TRAIL_BROKEN"]],
  [
    "an audit trail without its end",
    (d) => d.exec("DELETE FROM audit WHERE number > 5"),
    ["TRAIL_INCOMPLETE", full],
  ],
  ["a hole in the changefeed", (d) => d.exec("DELETE FROM change WHERE id = 3"), ["FEED_HOLE"]],
  ["a changefeed without its beginning", (d) => d.exec("DELETE FROM change WHERE id = 1"), ["FEED_HOLE"]],
  [
    "a shortened changefeed",
    (d) => d.exec("DELETE FROM change WHERE id = (SELECT max(id) FROM change)"),
    ["FEED_HOLE"],
  ],
  [
    "a row of the changefeed that announces something else",
    (d) => d.prepare(`UPDATE change SET version = 9 WHERE version = 2 AND repository = ${idOf}`).run(full),
    ["FEED_WRONG", full, "timestamp", 2],
  ],
  [
    "a deletion that the changefeed forgot",
    (d) =>
      d
        .prepare(
          `UPDATE change SET category = 'update', version = 3 WHERE category = 'deletion' AND repository = ${idOf}`,
        )
        .run(removed),
    ["FEED_WRONG", removed],
  ],
  [
    "rows of the changefeed of nobody",
    (d) => d.exec("UPDATE change SET repository = 99 WHERE id = 4"),
    ["FEED_WRONG"],
  ],
  [
    "a floor that was lowered",
    (d) =>
      d
        .prepare(`UPDATE tombstone SET version = 1 WHERE role = 'timestamp' AND repository = ${idOf}`)
        .run(again),
    ["FLOOR_WRONG", again, "timestamp"],
  ],
  [
    "a lost tombstone",
    (d) => d.prepare(`DELETE FROM tombstone WHERE repository = ${idOf}`).run(removed),
    ["FLOOR_WRONG", removed, "timestamp"],
  ],
  [
    "a floor above the present timestamp",
    (d) =>
      d
        .prepare(`UPDATE tombstone SET version = 50 WHERE role = 'timestamp' AND repository = ${idOf}`)
        .run(again),
    ["FLOOR_WRONG", again, "timestamp", 4],
  ],
  [
    "a repository that is marked as removed, and its files",
    (d) => d.prepare("UPDATE repository SET alive = 0 WHERE name = ?").run(own),
    ["LEFTOVER", own, "root", 1],
  ],
  [
    "an active key of nothing",
    (d) => d.prepare("UPDATE online_key SET pending = 0 WHERE repository = ?").run(waiting),
    ["LEFTOVER", waiting, "timestamp"],
  ],
  [
    "a date of the record",
    (d) => d.prepare(`UPDATE publication SET at = 1 WHERE revision = 1 AND repository = ${idOf}`).run(full),
    ["DATE_WRONG", full, "root", 1],
  ],
  [
    "a repository that is down for no renewal",
    (d) => d.prepare("UPDATE repository SET renew_at = NULL WHERE name = ?").run(own),
    ["RENEWAL_WRONG", own, "timestamp"],
  ],
  [
    "a forgotten use of a key",
    (d) => d.prepare(`DELETE FROM key_use WHERE role = 'root' AND repository = ${idOf}`).run(full),
    ["KEY_USE_WRONG", full, "root"],
  ],
  [
    "a use of a key that no root lists",
    (d) =>
      d.prepare(`INSERT INTO key_use (material, repository, role) VALUES ('x', ${idOf}, 'root')`).run(full),
    ["KEY_USE_WRONG", full, "root"],
  ],
  [
    "a format that is not here",
    (d) => d.prepare("UPDATE repository SET format = 'tuf' WHERE name = ?").run(full),
    ["FORMAT_WRONG", full],
  ],
  [
    "a key in use that is marked as waiting",
    (d) =>
      d.prepare("UPDATE online_key SET pending = 1 WHERE repository = ? AND role = 'timestamp'").run(full),
    ["KEY_STATE_WRONG", full, "timestamp"],
  ],
  [
    "a waiting key that is marked as in use",
    (d) =>
      d.prepare("UPDATE online_key SET pending = 0, repository = ? WHERE repository = ?").run(full, waiting),
    ["KEY_STATE_WRONG", full, "timestamp"],
  ],
  ["a lost keyring", (d) => d.exec("DELETE FROM keyring"), ["KEYRING_MISSING"]],
  [
    "a damaged keyring",
    (d) => d.prepare("UPDATE keyring SET record = ?").run(randomBytes(100)),
    ["KEYRING_UNOPENED"],
  ],
  [
    "a damaged sealed key",
    (d) => {
      const where = "WHERE repository = ? AND role = 'snapshot'";
      const reference = d.prepare(`SELECT reference FROM online_key ${where}`).pluck().get(full) as Buffer;
      reference[60] = (reference[60] ?? 0) ^ 1;
      d.prepare(`UPDATE online_key SET reference = ? ${where}`).run(reference, full);
    },
    ["KEY_DAMAGED", full, "snapshot"],
  ],
  [
    "the sealed key of another repository",
    (d) =>
      d
        .prepare(
          "UPDATE online_key SET reference = (SELECT reference FROM online_key WHERE repository = ? AND role = 'timestamp') WHERE repository = ? AND role = 'timestamp'",
        )
        .run(own, full),
    ["KEY_DAMAGED", full, "timestamp"],
  ],
  [
    "the public half of another key",
    (d) =>
      d
        .prepare(
          "UPDATE online_key SET public_key = (SELECT public_key FROM online_key WHERE repository = ? AND role = 'timestamp') WHERE repository = ? AND role = 'timestamp'",
        )
        .run(own, full),
    ["KEY_MISMATCH", full, "timestamp"],
  ],
  [
    "a lost timestamp key",
    (d) => d.prepare("DELETE FROM online_key WHERE repository = ? AND role = 'timestamp'").run(full),
    ["KEY_MISSING", full, "timestamp"],
  ],
  [
    "a lost key of a snapshot that is renewed here",
    (d) => d.prepare("DELETE FROM online_key WHERE repository = ? AND role = 'snapshot'").run(full),
    ["KEY_MISSING", full, "snapshot"],
  ],
];

describe("damage in the rows", () => {
  test.each(rows)("%s is found", async (_, spoil, [code, repository, role, version]) => {
    const { damages } = await check(placeCopy(copy, spoil), copy.secret);
    expect(damages.map((damage) => ({ ...damage, sentence: "" }))).toContainEqual({
      code,
      sentence: "",
      ...(repository !== undefined && { repository }),
      ...(role !== undefined && { role }),
      ...(version !== undefined && { version }),
    });
  });

  test("each names no other repository than the one that was spoilt", async () => {
    const { damages } = await check(
      placeCopy(copy, (d) => flip(d, "targets", 2)),
      copy.secret,
    );
    expect(new Set(damages.map(({ repository }) => repository))).toEqual(new Set([full]));
  });
});

test("a changefeed that was shortened, and its numbering too, is found by the timestamp that it announced", async () => {
  let last: Record<string, unknown> = {};
  const spoilt = placeCopy(copy, (d) => {
    last = d
      .prepare<[], Record<string, unknown>>(
        "SELECT r.name AS repository, 'timestamp' AS role, c.version FROM change AS c JOIN repository AS r ON r.id = c.repository ORDER BY c.id DESC LIMIT 1",
      )
      .get() as Record<string, unknown>;
    d.exec(
      "DELETE FROM change WHERE id = (SELECT max(id) FROM change); UPDATE sqlite_sequence SET seq = seq - 1 WHERE name = 'change'",
    );
  });
  const { damages } = await check(spoilt, copy.secret);
  expect(damages).toContainEqual({ code: "FEED_WRONG", ...last, sentence: expect.any(String) });
});

test("a store that real publishes, rotations, renewals and removals have made is clean", async () => {
  const { damages, examined } = await check(
    placeCopy(copy, () => {}),
    copy.secret,
  );
  expect(damages).toEqual([]);
  expect(examined).toMatchObject({ repositories: 4, keys: 6 });
});

test("a secret that is not the store's is told apart from a damage of every key", async () => {
  const { damages } = await check(
    placeCopy(copy, () => {}),
    randomBytes(32),
  );
  expect(damages.map(({ code }) => code)).toEqual(["KEYRING_UNOPENED"]);
});

test("without the secret everything but the sealed keys is verified", async () => {
  const spoilt = placeCopy(copy, (d) => {
    d.exec("UPDATE online_key SET reference = x'00'");
    flip(d, "targets", 2);
  });
  const { damages } = await check(spoilt, undefined);
  expect(damages.map(({ code }) => code)).not.toContain("KEY_DAMAGED");
  expect(damages.map(({ code }) => code)).toContain("FILE_ALTERED");
});

test("pages of the database that are damaged are told, and the rest is verified all the same", async () => {
  const directory = placeCopy(copy, (d) => flip(d, "targets", 2));
  const path = join(directory, "vidimus.sqlite");
  const bytes = readFileSync(path);
  // Root page of an index that no table lookup needs.
  const spoilt = placeCopy(copy, (d) => {
    const page = d
      .prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'change_repository'")
      .pluck()
      .get() as number;
    bytes.fill(0x55, (page - 1) * 4_096, page * 4_096);
  });
  writeFileSync(join(spoilt, "vidimus.sqlite"), bytes);
  const { damages } = await check(spoilt, copy.secret);
  const codes = new Set(damages.map(({ code }) => code));
  expect(codes).toContain("DATABASE_DAMAGED");
  expect(codes).toContain("FILE_ALTERED");
});

test("every code is found by one of these tests", () => {
  const found = new Set([...rows.map(([, , [code]]) => code), "DATABASE_DAMAGED"]);
  expect(found).toEqual(new Set(damageCodes));
});

test("docs/operations.md lists every code", () => {
  const page = readFileSync(new URL("../../../docs/operations.md", import.meta.url), "utf8");
  for (const code of damageCodes) expect(page).toContain(`| \`${code}\` `);
});
