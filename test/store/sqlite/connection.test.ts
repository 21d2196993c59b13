import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterEach, describe, expect, it, vi } from "vitest";
import { openSqlite } from "../../../src/store/sqlite.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { everything, limits, onlineKey, publication, removalOf, told } from "../../support/publications.ts";
import { codeOf, refusalOf } from "../../support/refusal.ts";

const mode = (path: string) => statSync(path).mode & 0o777;

describe("opening the SQLite store", () => {
  const umask = process.umask();
  afterEach(() => {
    process.umask(umask);
    vi.restoreAllMocks();
  });

  it("finds everything again that was there at closing", async () => {
    const directory = temporaryDirectory();
    const first = await openSqlite({ directory });
    await first.createKeyring(Buffer.from("record"));
    await first.addPendingKey(onlineKey("a"), limits(), told("a"));
    await first.commit(publication("a", { renewAt: 5 }));
    const before = await everything(first, "a");
    await first.close();
    const second = await openSqlite({ directory });
    expect(await everything(second, "a")).toEqual(before);
    expect(await second.keyring()).toEqual(Buffer.from("record"));
    expect(await second.pendingKey("a", "timestamp", limits())).toBeDefined();
    expect(await second.oldestDue()).toBe(5);
    await second.close();
  });

  it.each([0o000, 0o022, 0o177, 0o777])("keeps everybody else out under umask %i", async (mask) => {
    const directory = join(temporaryDirectory(), "data");
    process.umask(mask);
    const store = await openSqlite({ directory });
    await store.commit(publication("a"));
    expect(mode(directory)).toBe(0o700);
    const modes = Object.fromEntries(
      readdirSync(directory).map((name) => [name, mode(join(directory, name))]),
    );
    expect(modes).toEqual({
      "lock.db": 0o600,
      "server.pid": 0o600,
      "vidimus.sqlite": 0o600,
      "vidimus.sqlite-shm": 0o600,
      "vidimus.sqlite-wal": 0o600,
    });
    await store.close();
  });

  it("tightens a file that was left open to others", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "vidimus.sqlite"), "", { mode: 0o644 });
    const store = await openSqlite({ directory });
    expect(mode(join(directory, "vidimus.sqlite"))).toBe(0o600);
    await store.close();
  });

  it("refuses a directory that cannot be, and names it", async () => {
    const directory = join(temporaryDirectory(), "file", "data");
    writeFileSync(join(directory, ".."), "");
    const refusal = await refusalOf(openSqlite({ directory }));
    expect(refusal.code).toBe("STORE_UNWRITABLE");
    expect(refusal.message).toContain(directory);
  });

  it("refuses a directory in the place of the database", async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, "vidimus.sqlite"));
    expect(await codeOf(openSqlite({ directory }))).toBe("STORE_UNWRITABLE");
  });

  it("refuses a file that is no database, and leaves it as it is", async () => {
    const directory = temporaryDirectory();
    const path = join(directory, "vidimus.sqlite");
    const content = Buffer.from("this is somebody's diary ".repeat(500));
    writeFileSync(path, content);
    expect(await codeOf(openSqlite({ directory }))).toBe("STORE_CORRUPT");
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  it("refuses the database of another program, and adds no table to it", async () => {
    const directory = temporaryDirectory();
    const foreign = new Database(join(directory, "vidimus.sqlite"));
    foreign.exec("CREATE TABLE recipe (name TEXT)");
    foreign.close();
    expect(await codeOf(openSqlite({ directory }))).toBe("STORE_CORRUPT");
    const again = new Database(join(directory, "vidimus.sqlite"));
    expect(again.prepare("SELECT name FROM sqlite_schema").pluck().all()).toEqual(["recipe"]);
    again.close();
  });

  it("refuses a database whose first pages are damaged", async () => {
    const directory = temporaryDirectory();
    const path = join(directory, "vidimus.sqlite");
    await (await openSqlite({ directory })).close();
    const bytes = readFileSync(path);
    bytes.fill(0xff, 100, 4_096);
    writeFileSync(path, bytes);
    expect(await codeOf(openSqlite({ directory }))).toBe("STORE_CORRUPT");
  });

  it("refuses a database that was cut short", async () => {
    const directory = temporaryDirectory();
    const path = join(directory, "vidimus.sqlite");
    await (await openSqlite({ directory })).close();
    truncateSync(path, 4_096);
    expect(await codeOf(openSqlite({ directory }))).toBe("STORE_CORRUPT");
  });

  it("calls damage that a read meets by its name, and serves what lies elsewhere", async () => {
    const directory = temporaryDirectory();
    const first = await openSqlite({ directory });
    await first.commit(publication("a"));
    await first.close();
    const path = join(directory, "vidimus.sqlite");
    const database = new Database(path);
    const page = database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'metadata'").pluck().get();
    const size = Number(database.pragma("page_size", { simple: true }));
    database.close();
    const bytes = readFileSync(path);
    bytes.fill(0xff, (Number(page) - 1) * size, Number(page) * size);
    writeFileSync(path, bytes);
    const store = await openSqlite({ directory });
    const reading = (async () => await store.current("a", "root"))();
    expect(await codeOf(reading)).toBe("STORE_CORRUPT");
    expect(await store.repositories({ limit: 5 })).toEqual(["a"]);
    await store.close();
  });

  it("says nothing of the driver and of paths when it refuses", async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, "vidimus.sqlite"), "x".repeat(9_000));
    const { message, cause } = await refusalOf(openSqlite({ directory }));
    expect(message).not.toContain(directory);
    expect(message).not.toMatch(/SQLITE|file is not a database/);
    expect(cause).toBeInstanceOf(Database.SqliteError);
  });

  it("uses the durable settings", async () => {
    const pragma = vi.spyOn(Database.prototype, "pragma");
    const store = await openSqlite({ directory: temporaryDirectory() });
    const database = pragma.mock.contexts.at(-1) as Database.Database;
    const value = (name: string) => database.pragma(name, { simple: true });
    expect(value("journal_mode")).toBe("wal");
    expect(value("synchronous")).toBe(2);
    expect(value("foreign_keys")).toBe(1);
    expect(value("secure_delete")).toBe(1);
    expect(value("temp_store")).toBe(2);
    await store.close();
  });

  it("prepares no statement that reads a whole table", async () => {
    const prepare = vi.spyOn(Database.prototype, "prepare");
    const store = await openSqlite({ directory: temporaryDirectory() });
    const database = prepare.mock.contexts.at(-1) as Database.Database;
    const sources = prepare.mock.calls.map(([source]) => source);
    const queries = sources.filter(
      (source) => /^(SELECT|UPDATE|DELETE)/.test(source) && !/sqlite_schema/.test(source),
    );
    expect(queries.length).toBeGreaterThan(25);
    for (const source of queries) {
      // Short by a bound, and read whole: migrations, permissions; and what is counted before an administrator adds to it.
      if (/FROM migration |FROM access_permission ORDER BY|^SELECT count\(\*\) FROM access_\w+$/.test(source))
        continue;
      const parameters = Array(source.split("?").length - 1).fill(1);
      const plan = database
        .prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${source}`)
        .all(...parameters);
      const scans = plan.filter(
        ({ detail }) => /^SCAN/.test(detail) && !/USING (COVERING )?INDEX/.test(detail),
      );
      expect({ source, scans }).toEqual({ source, scans: [] });
      expect(source.replaceAll("count(*)", "")).not.toContain("*");
    }
    await store.close();
  });

  it("overwrites what a removal deletes", async () => {
    const directory = temporaryDirectory();
    const store = await openSqlite({ directory });
    const reference = Buffer.from("canary-of-a-sealed-key");
    await store.addPendingKey(onlineKey("a", { reference }), limits(), told("a"));
    await store.commit(publication("a", { activateKeys: ["key-timestamp"] }));
    await store.remove(removalOf("a", 1));
    await store.close();
    expect(readFileSync(join(directory, "vidimus.sqlite")).includes(reference)).toBe(false);
  });
});

describe("opening the SQLite store for reading", () => {
  it("refuses every change and says so", async () => {
    const directory = temporaryDirectory();
    await (await openSqlite({ directory })).close();
    const reader = await openSqlite({ directory, readOnly: true });
    expect(await codeOf(reader.commit(publication("a")))).toBe("STORE_UNAVAILABLE");
    expect(await codeOf(reader.remove(removalOf("a", 1, "")))).toBe("STORE_UNAVAILABLE");
    expect(await codeOf(reader.addPendingKey(onlineKey("a"), limits(), told("a")))).toBe("STORE_UNAVAILABLE");
    expect(await codeOf(reader.createKeyring(Buffer.from("x")))).toBe("STORE_UNAVAILABLE");
    await expect(reader.check()).resolves.toBeUndefined();
    await reader.close();
  });

  it("names the store that is not there, or that this user may not read", async () => {
    const directory = temporaryDirectory();
    const missing = await refusalOf(openSqlite({ directory, readOnly: true }));
    expect(missing.code).toBe("STORE_UNAVAILABLE");
    expect(missing.message).toContain(`There is no store ${join(directory, "vidimus.sqlite")}: `);
    // Nobody may read a link that leads to itself, not even the user who may do anything.
    symlinkSync("vidimus.sqlite", join(directory, "vidimus.sqlite"));
    const forbidden = await refusalOf(openSqlite({ directory, readOnly: true }));
    expect(forbidden.code).toBe("STORE_UNWRITABLE");
    expect(forbidden.message).toContain(
      `${join(directory, "vidimus.sqlite")} cannot be read (ELOOP): run this as`,
    );
  });

  it("makes no file beside the store on a read-only file system, and reads it", async () => {
    const directory = join(temporaryDirectory(), "50% #1?");
    const writer = await openSqlite({ directory });
    await writer.commit(publication("a"));
    await writer.close();
    const before = readdirSync(directory);
    const reader = await openSqlite({ directory, readOnly: true, testingOnlyReadOnlyFileSystem: true });
    expect((await reader.state("a")).exists).toBe(true);
    await expect(reader.check()).resolves.toBeUndefined();
    expect(readdirSync(directory)).toEqual(before);
    await reader.close();
  });

  it("reads the log of a store that was not closed, on a read-only file system as well", async () => {
    const directory = temporaryDirectory();
    const writer = await openSqlite({ directory });
    await writer.commit(publication("a"));
    const reader = await openSqlite({ directory, readOnly: true, testingOnlyReadOnlyFileSystem: true });
    expect((await reader.state("a")).exists).toBe(true);
    await reader.close();
    await writer.close();
  });

  it("says that reading needs files beside the store, where they cannot be made", async () => {
    const directory = temporaryDirectory();
    await (await openSqlite({ directory })).close();
    symlinkSync(join(directory, "nowhere", "file"), join(directory, "vidimus.sqlite-shm"));
    const { code, message } = await refusalOf(openSqlite({ directory, readOnly: true }));
    expect(code).toBe("STORE_UNWRITABLE");
    expect(message).toContain("cannot be read without writing");
  });

  it("makes nothing where there is nothing", async () => {
    const directory = temporaryDirectory();
    expect(await codeOf(openSqlite({ directory, readOnly: true }))).toBe("STORE_UNAVAILABLE");
    expect(readdirSync(directory)).toEqual([]);
  });
});
