/** Copies of older stores are looked through as well; the rest of this is in test/backup. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, it } from "vitest";
import { migrationDirectory } from "../../../src/store/migrate.ts";
import { hashCopy } from "../../../src/store/sqlite/backup.ts";
import { connect } from "../../../src/store/sqlite/connection.ts";
import { temporaryDirectory } from "../../support/directory.ts";

it("a copy from before there were proposals has no altered file, and one with a wrong length has one", async () => {
  const directory = temporaryDirectory();
  const migrations = temporaryDirectory();
  cpSync(join(migrationDirectory("sqlite"), "0001_store.sql"), join(migrations, "0001_store.sql"));
  const path = join(directory, "vidimus.sqlite");
  connect({ directory, readOnly: false, testingOnlyMigrations: migrations }).close();
  expect(await hashCopy(path, 5)).toEqual({ count: 0, first: [] });
  const database = new Database(path);
  database.exec("INSERT INTO repository VALUES (1, 'a', 1, 'notary', 1, 1, NULL, NULL)");
  const sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  database.exec(`INSERT INTO metadata VALUES (1, 1, 'root', 1, '${sha256}', 7, 0, 0, 1, x'')`);
  database.close();
  expect(await hashCopy(path, 5)).toEqual({
    count: 1,
    first: [{ repository: "a", what: "root", version: 1 }],
  });
});
