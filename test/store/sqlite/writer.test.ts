import { setImmediate } from "node:timers/promises";
import Database from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { StoreError } from "../../../src/core/errors.ts";
import { Writer } from "../../../src/store/sqlite/writer.ts";
import { openSqlite } from "../../../src/store/sqlite.ts";
import { startChild } from "../../support/child.ts";
import { temporaryDirectory } from "../../support/directory.ts";
import { everything, file, publication, removalOf } from "../../support/publications.ts";
import { codeOf } from "../../support/refusal.ts";

describe("changes that arrive together", () => {
  let database: Database.Database;
  let writer: Writer;
  let executed: string[];
  beforeEach(() => {
    executed = [];
    database = new Database(":memory:", { verbose: (sql) => executed.push(String(sql)) });
    database.exec("CREATE TABLE settling (id INTEGER PRIMARY KEY, number INTEGER)");
    database.exec("CREATE TABLE word (text TEXT UNIQUE)");
    writer = new Writer(database);
  });
  afterEach(() => database.close());

  const insert = (text: string) =>
    writer.run(() => database.prepare("INSERT INTO word VALUES (?)").run(text).changes);
  const words = () => database.prepare("SELECT text FROM word ORDER BY rowid").pluck().all();

  it("share one transaction, in order", async () => {
    expect(await Promise.all(["a", "b", "c"].map(insert))).toEqual([1, 1, 1]);
    expect(executed.filter((sql) => sql === "COMMIT")).toHaveLength(1);
    expect(words()).toEqual(["a", "b", "c"]);
  });

  it("share it also with who comes two turns of the loop later, and not with who comes after that", async () => {
    const first = insert("a");
    await setImmediate();
    const second = insert("b");
    await setImmediate();
    const third = insert("c");
    await setImmediate();
    const last = insert("d");
    await Promise.all([first, second, third, last]);
    expect(executed.filter((sql) => sql === "COMMIT")).toHaveLength(2);
    expect(words()).toEqual(["a", "b", "c", "d"]);
  });

  it("wait for nobody once the group is full", async () => {
    const full = Array.from({ length: 64 }, (_, i) => insert(`full ${i}`));
    await setImmediate();
    expect(executed.filter((sql) => sql === "COMMIT")).toHaveLength(1);
    await Promise.all(full);
  });

  it("do not disturb each other when one is refused half-way", async () => {
    const refused = writer.run(() => {
      database.prepare("INSERT INTO word VALUES ('half')").run();
      throw new StoreError("CONFLICT", "No.");
    });
    const results = await Promise.allSettled([insert("a"), refused, insert("b")]);
    expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(words()).toEqual(["a", "b"]);
  });

  it("lose a race as a conflict", async () => {
    await insert("a");
    expect(await codeOf(insert("a"))).toBe("CONFLICT");
  });

  it("are all refused, and none happens, when one breaks the transaction", async () => {
    const broken = writer.run(() => database.exec("INSERT INTO nowhere VALUES (1)"));
    const codes = await Promise.all([insert("a"), broken, insert("b")].map((each) => codeOf(each)));
    expect(codes).toEqual(Array(3).fill("STORE_UNAVAILABLE"));
    expect(words()).toEqual([]);
  });

  it("are answered only after the commit, the loser included", async () => {
    const events: string[] = [];
    const lost = writer.run(() => {
      throw new StoreError("CONFLICT", "No.");
    });
    lost.catch(() => events.push(`answered ${database.inTransaction}`));
    const last = writer.run(() => events.push(`changed ${database.inTransaction}`));
    await Promise.allSettled([lost, last]);
    expect(events).toEqual(["changed true", "answered false"]);
  });

  it("go on after a refusal of all", async () => {
    await codeOf(writer.run(() => database.exec("nonsense")));
    expect(await insert("a")).toBe(1);
    expect(words()).toEqual(["a"]);
  });

  it("are taken in groups, and none is forgotten", async () => {
    const many = Array.from({ length: 300 }, (_, index) => insert(`w${index}`));
    await Promise.all(many);
    expect(words()).toHaveLength(300);
  });

  describe("whose commit fails", () => {
    beforeEach(() => {
      database.exec("CREATE TABLE owed (text TEXT REFERENCES word (text) DEFERRABLE INITIALLY DEFERRED)");
    });
    const owe = () => writer.run(() => database.exec("INSERT INTO owed VALUES ('nobody')"));

    it("are unavailable when the settling write after it shows that nothing happened", async () => {
      expect(await Promise.all([insert("a"), owe()].map((each) => codeOf(each)))).toEqual(
        Array(2).fill("STORE_UNAVAILABLE"),
      );
      expect(words()).toEqual([]);
      expect(await insert("b")).toBe(1);
    });

    it.each([
      ["SQLITE_FULL", "STORE_UNAVAILABLE"],
      ["SQLITE_IOERR_WRITE", "COMMIT_UNKNOWN"],
      ["SQLITE_IOERR_FSYNC", "COMMIT_UNKNOWN"],
      ["SQLITE_IOERR_SHMSIZE", "COMMIT_UNKNOWN"],
    ])(
      "with %s every time are %s: only a full disk is met before the change is whole",
      async (cause, code) => {
        const prepare = database.prepare.bind(database);
        vi.spyOn(database, "prepare").mockImplementation((sql: string) => {
          const statement = prepare(sql);
          if (sql !== "COMMIT") return statement;
          const run = () => {
            throw new Database.SqliteError("it failed", cause);
          };
          return Object.assign(Object.create(statement), { run });
        });
        writer = new Writer(database);
        expect(await Promise.all([insert("a"), insert("b")].map((each) => codeOf(each)))).toEqual([
          code,
          code,
        ]);
        expect(await codeOf(() => writer.probe())).toBe("STORE_UNAVAILABLE");
        expect(words()).toEqual([]);
      },
    );

    it("are unknown when that write fails, too", async () => {
      database.exec("DROP TABLE settling");
      expect(await Promise.all([insert("a"), owe()].map((each) => codeOf(each)))).toEqual(
        Array(2).fill("COMMIT_UNKNOWN"),
      );
    });
  });
});

describe("another writer that holds the file", () => {
  it("makes a change unavailable, and nothing happens", async () => {
    const directory = temporaryDirectory();
    const store = await openSqlite({ directory });
    const other = new Database(`${directory}/vidimus.sqlite`);
    other.exec("BEGIN IMMEDIATE");
    expect(await codeOf(store.commit(publication("a")))).toBe("STORE_UNAVAILABLE");
    expect((await store.state("a")).exists).toBe(false);
    other.exec("ROLLBACK");
    other.close();
    await expect(store.check()).resolves.toBeUndefined();
    expect(await store.commit(publication("a"))).toEqual({ revision: 1, incarnation: 1 });
    await store.close();
  });
});

describe("a full disk", () => {
  it("refuses the publication whole; reads go on, and smaller ones fit once there is room", async () => {
    const store = await openSqlite({ directory: temporaryDirectory(), testingOnlyMaxPages: 165 });
    const large = file("targets", 1, "x".repeat(200_000));
    await store.commit(publication("a", { metadata: [large, file("timestamp", 1)] }));
    const before = await everything(store, "a");
    const tooMuch = publication("b", {
      metadata: [file("root", 1), { ...large, role: "targets" }, file("timestamp", 1)],
    });
    await store.commit(publication("c", { metadata: [file("targets", 1, "y".repeat(100_000))] }));
    expect(await codeOf(store.commit(tooMuch))).toBe("STORE_UNAVAILABLE");
    expect((await store.state("b")).exists).toBe(false);
    expect(await store.current("b", "root")).toBeUndefined();
    expect((await everything(store, "a")).state).toEqual(before.state);
    expect(await store.remove(removalOf("a", 5))).toBe(true);
    expect(await store.commit(tooMuch)).toEqual({ revision: 1, incarnation: 1 });
    await store.close();
  });

  it("gives COMMIT_UNKNOWN only where nobody can know, and heals without a restart", async () => {
    const directory = temporaryDirectory();
    const child = startChild("full-disk.ts", [directory]);
    expect(await child.ended).toBe(0);
    expect(JSON.parse(child.output())).toEqual({
      before: "done",
      noRoom: "COMMIT_UNKNOWN",
      checkWithoutRoom: "STORE_UNAVAILABLE",
      readWithoutRoom: 1,
      tooLarge: "STORE_UNAVAILABLE",
      readAfterTooLarge: 1,
      small: "done",
      check: "done",
      after: "done",
    });
    const store = await openSqlite({ directory });
    expect((await store.state("a")).revision).toBe(3);
    await store.close();
  });
});
