/** An old database, wherever it is: a PostgreSQL that answers, or a dump of a MySQL or MariaDB. */
import { createReadStream } from "node:fs";
import { type Row, rowsOfDump } from "./dump.ts";
import { DatabaseError } from "./errors.ts";
import { isPostgresUrl, rowsOfPostgres } from "./postgres.ts";
import type { Table } from "./tables.ts";

export type OldDatabase =
  /** `postgres://USER@HOST/DATABASE`. */
  | { readonly url: string; readonly environment: Readonly<Record<string, string | undefined>> }
  /** A file. */
  | { readonly dump: string };

/** Every row of a table. Throws `DatabaseError`; what came before must not be used then. */
export function rowsOf<Column extends string>(
  database: OldDatabase,
  table: Table<Column>,
): AsyncIterable<Row<Column>> {
  if ("dump" in database) return rowsOfDump(readDump(database.dump), table);
  const { url, environment } = database;
  if (isPostgresUrl(url)) return rowsOfPostgres(url, table, environment);
  throw new DatabaseError(
    "DATABASE_UNREACHABLE",
    `The old ${table.of}'s database is no PostgreSQL by its address: write postgres://USER@HOST:5432/DATABASE, or give a dump of a MySQL or MariaDB with --${table.of}-dump.`,
  );
}

async function* readDump(path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path) as AsyncIterable<Uint8Array>;
  } catch (cause) {
    throw new DatabaseError(
      "DUMP_UNREADABLE",
      `The dump ${path} cannot be read: check its name and rights.`,
      cause,
    );
  }
}
