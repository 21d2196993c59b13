import { cpSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { migrationDirectory, readMigrations } from "../../../src/store/migrate.ts";
import { connect } from "../../../src/store/sqlite/connection.ts";
import { openSqlite } from "../../../src/store/sqlite.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { newProposal, room } from "../../support/proposals.ts";
import { everything, publication } from "../../support/publications.ts";
import { codeOf } from "../../support/refusal.ts";

const good = "CREATE TABLE second (id INTEGER PRIMARY KEY) STRICT; DELETE FROM change;";
const failing = `${good} INSERT INTO nowhere VALUES (1);`;

/** The schema of this release, and what comes after it. */
function migrations(...later: string[]): string {
  const directory = temporaryDirectory();
  cpSync(migrationDirectory("sqlite"), directory, { recursive: true });
  for (const [index, sql] of later.entries()) {
    writeFileSync(join(directory, `${numbered(newest + index + 1)}_later.sql`), sql);
  }
  return directory;
}

/** The number of this release's last migration. */
const newest = Number(readMigrations(migrationDirectory("sqlite")).at(-1)?.name.slice(0, 4));
/** What a migration from this release's schema leaves. */
const copy = `vidimus.sqlite.schema-${numbered(newest)}`;
/** And the one after it. */
const next = `vidimus.sqlite.schema-${numbered(newest + 1)}`;

function numbered(number: number): string {
  return String(number).padStart(4, "0");
}

/** A store of this release with one publication, its server stopped. */
async function oldStore(): Promise<string> {
  const directory = temporaryDirectory();
  const store = await openSqlite({ directory, testingOnlyMigrations: migrations() });
  await store.commit(publication("a"));
  await store.close();
  return directory;
}

async function openOnce(directory: string, testingOnlyMigrations: string) {
  const store = await openSqlite({ directory, testingOnlyMigrations });
  const found = await everything(store, "a");
  await store.close();
  return found;
}

function copies(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => name.startsWith("vidimus.sqlite."))
    .sort();
}

/** What this release finds when the copy is put in the store's place. */
async function restored(directory: string, copy: string) {
  const place = temporaryDirectory();
  cpSync(join(directory, copy), join(place, "vidimus.sqlite"));
  return openOnce(place, migrations());
}

it("the first schema gets its tables for proposals, and all that it had stays", async () => {
  const [directory, first] = [temporaryDirectory(), temporaryDirectory()];
  cpSync(join(migrationDirectory("sqlite"), "0001_store.sql"), join(first, "0001_store.sql"));
  const database = connect({ directory, readOnly: false, testingOnlyMigrations: first });
  // As a release of that schema did it.
  database.exec(
    "INSERT INTO repository (name, alive, format, revision, incarnation) VALUES ('a', 1, 'notary', 1, 1)",
  );
  const insert = database.prepare(
    "INSERT INTO metadata (repository, role, version, sha256, length, stored_at, expires, revision, bytes) VALUES (1, 'root', 1, ?, 1, 1, 1, 1, x'00')",
  );
  const { lastInsertRowid } = insert.run("0".repeat(64));
  database.exec(
    `INSERT INTO current_metadata (repository, role, metadata) VALUES (1, 'root', ${lastInsertRowid})`,
  );
  database.close();
  const store = await openSqlite({ directory });
  expect(await store.state("a")).toMatchObject({ exists: true, revision: 1 });
  expect(await store.proposals.open(newProposal("p1", { base: new Map([["root", 1]]) }), room())).toBe(
    "opened",
  );
  await store.close();
  expect(copies(directory)).toEqual(["vidimus.sqlite.schema-0001"]);
});

describe("a migration", () => {
  it("leaves a copy of the store as it was, which the older version opens", async () => {
    const directory = await oldStore();
    const before = await openOnce(directory, migrations());
    const after = await openOnce(directory, migrations(good));
    expect(after.changes).toEqual([]);
    expect(copies(directory)).toEqual([copy]);
    expect(await restored(directory, copy)).toEqual(before);
  });

  it("makes a copy that its owner alone may read, whatever the umask", async () => {
    const directory = await oldStore();
    const umask = process.umask(0);
    await openOnce(directory, migrations(good)).finally(() => process.umask(umask));
    expect(statSync(join(directory, copy)).mode & 0o777).toBe(0o600);
  });

  it("copies what lies in the log alone, too", async () => {
    const directory = await oldStore();
    const writer = await openSqlite({ directory, testingOnlyMigrations: migrations() });
    await writer.commit(publication("b"));
    const place = temporaryDirectory();
    for (const name of ["vidimus.sqlite", "vidimus.sqlite-wal"])
      cpSync(join(directory, name), join(place, name));
    await writer.close();
    await openOnce(place, migrations(good));
    expect((await restored(place, copy)).names).toEqual(["a", "b"]);
  });

  it("that fails in the middle leaves the old store and its copy", async () => {
    const directory = await oldStore();
    const before = await openOnce(directory, migrations());
    expect(await codeOf(openOnce(directory, migrations(failing)))).toBe("STORE_UNAVAILABLE");
    expect(await restored(directory, copy)).toEqual(before);
    expect(await openOnce(directory, migrations())).toEqual(before);
  });

  it("is not begun without a copy, and nothing is left of the attempt", async () => {
    const directory = await oldStore();
    const before = await openOnce(directory, migrations());
    mkdirSync(join(directory, copy));
    expect(await codeOf(openOnce(directory, migrations(good)))).toBe("STORE_UNAVAILABLE");
    expect(copies(directory)).toEqual([copy]);
    expect(await openOnce(directory, migrations())).toEqual(before);
  });

  it("keeps one copy: the older ones go once all has succeeded, and not before", async () => {
    const directory = await oldStore();
    const [one, broken, two] = [migrations(good), migrations(good, failing), migrations(good, "SELECT 1;")];
    await openOnce(directory, one);
    expect(await codeOf(openOnce(directory, broken))).toBe("STORE_UNAVAILABLE");
    expect(copies(directory)).toEqual([copy, next]);
    await openOnce(directory, two);
    expect(copies(directory)).toEqual([next]);
  });

  it("replaces what an interrupted copy left", async () => {
    const directory = await oldStore();
    writeFileSync(join(directory, `${copy}.partial`), "half of it", { mode: 0o644 });
    await openOnce(directory, migrations(good));
    expect(copies(directory)).toEqual([copy]);
    const database = new Database(join(directory, copy), { readonly: true });
    expect(database.pragma("integrity_check", { simple: true })).toBe("ok");
    database.close();
  });

  it("that makes the store needs no copy, and none is made where nothing is pending", async () => {
    const directory = temporaryDirectory();
    await openOnce(directory, migrations(good));
    await openOnce(directory, migrations(good));
    expect(copies(directory)).toEqual([]);
    rmSync(directory, { recursive: true });
  });
});
