import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { migrationDirectory, pendingMigrations, readMigrations } from "../../src/store/migrate.ts";
import { openSqlite } from "../../src/store/sqlite.ts";
import { startChild } from "../support/child.ts";
import { temporaryDirectory } from "../support/directory.ts";
import { publication } from "../support/publications.ts";
import { codeOf, refusalOf } from "../support/refusal.ts";

/** A copy of the real migrations with more of them. */
function migrations(more: Record<string, string> = {}): string {
  const directory = temporaryDirectory();
  cpSync(migrationDirectory("sqlite"), directory, { recursive: true });
  for (const [name, sql] of Object.entries(more)) writeFileSync(join(directory, `${name}.sql`), sql);
  return directory;
}

async function openOnce(directory: string, testingOnlyMigrations: string): Promise<void> {
  await (await openSqlite({ directory, testingOnlyMigrations })).close();
}

function ask(directory: string, question: string): unknown[] {
  const database = new Database(join(directory, "vidimus.sqlite"), { readonly: true });
  const answer = database.prepare(question).pluck().all();
  database.close();
  return answer;
}

/** Those of this release. */
const own = readMigrations(migrationDirectory("sqlite")).map(({ name }) => name);
const second = { "9001_second": "CREATE TABLE second (id INTEGER PRIMARY KEY) STRICT;" };

describe("migrations", () => {
  it("are read in order, each with the digest of its file; other files are ignored", () => {
    const directory = migrations({ ...second, "9000_first": "SELECT 1;", README: "SELECT 2;" });
    writeFileSync(join(directory, "9002_backup.sql~"), "SELECT 3;");
    const names = readMigrations(directory).map((migration) => migration.name);
    expect(names).toEqual([...own, "9000_first", "9001_second"]);
    expect(readMigrations(directory)[own.length]?.sha256).toBe(
      "17db4fd369edb9244b9f91d9aeed145c3d04ad8ba6e95d06247f07a63527d11a",
    );
  });

  it("are recorded with their digests and applied once", async () => {
    const [directory, known] = [temporaryDirectory(), migrations(second)];
    await openOnce(directory, known);
    await openOnce(directory, known);
    const digests = readMigrations(known).map((migration) => migration.sha256);
    expect(ask(directory, "SELECT sha256 FROM migration ORDER BY name")).toEqual(digests);
  });

  it("that are new are applied to a store with data, which stays", async () => {
    const directory = temporaryDirectory();
    const store = await openSqlite({ directory, testingOnlyMigrations: migrations() });
    await store.commit(publication("a"));
    await store.close();
    const newer = await openSqlite({ directory, testingOnlyMigrations: migrations(second) });
    expect((await newer.state("a")).revision).toBe(1);
    await newer.close();
    expect(ask(directory, "SELECT count(id) FROM second")).toEqual([0]);
  });

  it("that were edited after they were applied refuse the start, by name", async () => {
    const [directory, known] = [temporaryDirectory(), migrations()];
    await openOnce(directory, known);
    const path = join(known, "0001_store.sql");
    writeFileSync(path, `${readFileSync(path, "utf8")}-- one more line\n`);
    const refusal = await refusalOf(openOnce(directory, known));
    expect(refusal.code).toBe("MIGRATION_EDITED");
    expect(refusal.message).toContain("0001_store");
  });

  it("that were put before one that is applied refuse the start", async () => {
    const directory = temporaryDirectory();
    await openOnce(directory, migrations(second));
    const known = migrations({ ...second, "0002_between": "SELECT 1;" });
    expect(await codeOf(openOnce(directory, known))).toBe("MIGRATION_EDITED");
  });

  it("of a newer version refuse the start, and the store stays as it is", async () => {
    const directory = temporaryDirectory();
    await openOnce(directory, migrations(second));
    const before = ask(directory, "SELECT name FROM sqlite_schema");
    const refusal = await refusalOf(openOnce(directory, migrations()));
    expect(refusal.code).toBe("STORE_NEWER");
    expect(refusal.message).toContain("9001_second");
    expect(ask(directory, "SELECT name FROM sqlite_schema")).toEqual(before);
  });

  it("that fail half-way leave nothing of themselves, and are taken up again", async () => {
    const [directory, known] = [temporaryDirectory(), migrations()];
    const path = join(known, "9001_second.sql");
    writeFileSync(path, "CREATE TABLE half (id INTEGER PRIMARY KEY) STRICT; INSERT INTO nowhere VALUES (1);");
    expect(await codeOf(openOnce(directory, known))).toBe("STORE_UNAVAILABLE");
    expect(ask(directory, "SELECT name FROM migration")).toEqual(own);
    expect(ask(directory, "SELECT name FROM sqlite_schema WHERE name = 'half'")).toEqual([]);
    writeFileSync(path, "CREATE TABLE half (id INTEGER PRIMARY KEY) STRICT;");
    await openOnce(directory, known);
    expect(ask(directory, "SELECT count(id) FROM half")).toEqual([0]);
  });

  it("that were interrupted by kill -9 are completed at the next start", async () => {
    const [directory, known] = [temporaryDirectory(), migrations()];
    await openOnce(directory, known);
    const path = join(known, "9001_slow.sql");
    const slow = (rows: number) =>
      `CREATE TABLE slow (id INTEGER PRIMARY KEY) STRICT;
       WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${rows}) INSERT INTO slow SELECT i FROM n;`;
    writeFileSync(path, slow(2_000_000_000));
    const child = startChild("holder.ts", [directory, known]);
    while (!existsSync(join(directory, "server.pid"))) await wait(20);
    await wait(300);
    await child.kill();
    expect(child.output()).toBe("");
    writeFileSync(path, slow(10));
    await openOnce(directory, known);
    expect(ask(directory, "SELECT count(id) FROM slow")).toEqual([10]);
  });

  it("that are missing refuse a reader, who must not make them", async () => {
    const directory = temporaryDirectory();
    await openOnce(directory, migrations());
    const reader = openSqlite({ directory, readOnly: true, testingOnlyMigrations: migrations(second) });
    expect(await codeOf(reader)).toBe("STORE_UNAVAILABLE");
  });

  it("are found beside the program", () => {
    expect(readMigrations(migrationDirectory("sqlite"))[0]?.name).toBe("0001_store");
  });
});

describe("what is still to be applied", () => {
  const known = ["0001_a", "0002_b", "0003_c"].map((name) => ({
    name,
    sql: "",
    sha256: `digest of ${name}`,
  }));

  it("is everything at first, the rest later, and nothing at last", () => {
    for (const done of [0, 1, 3]) {
      expect(pendingMigrations(known, known.slice(0, done))).toEqual(known.slice(done));
    }
  });

  it("is nothing that can be said when one is missing in the middle", async () => {
    const holes = known.filter(({ name }) => name !== "0002_b");
    expect(await codeOf(() => pendingMigrations(known, holes))).toBe("MIGRATION_EDITED");
  });
});
