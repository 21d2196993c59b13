/**
 * Rows of an old Notary's PostgreSQL, read in one transaction that can write nothing and sees one instant.
 *
 * What the driver says goes into `cause` alone: its sentences may name the password's owner, the machine and the query.
 */
import type { Client, ClientConfig } from "pg";
import type { Row } from "./dump.ts";
import { DatabaseError } from "./errors.ts";
import type { Table } from "./tables.ts";

const connectTime = 15_000;
const queryTime = 120_000;
const largestValue = 64 * 1_024 * 1_024;
/** Rows that are held at one time. */
const atOnce = 20;

export function isPostgresUrl(place: string): boolean {
  return /^postgres(ql)?:\/\//.test(place);
}

/**
 * Rows of one table. Throws `DATABASE_UNREACHABLE`, `DATABASE_FOREIGN`, `DATABASE_BROKE_OFF`. What came before must not be used then.
 */
export async function* rowsOfPostgres<Column extends string>(
  url: string,
  table: Table<Column>,
  environment: Readonly<Record<string, string | undefined>>,
): AsyncGenerator<Row<Column>> {
  const where = placeOf(url, table.of);
  const client = await connect(url, where, environment);
  try {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    await refuseLarge(client, table);
    await client.query(`DECLARE rows NO SCROLL CURSOR FOR SELECT ${selected(table)} FROM ${table.name}`);
    for (;;) {
      const { rows } = await client.query<Record<string, Buffer | null>>(`FETCH ${atOnce} FROM rows`);
      if (rows.length === 0) break;
      for (const row of rows) yield new Map(table.columns.map((column) => [column, row[column] ?? null]));
    }
  } catch (error) {
    throw error instanceof DatabaseError ? error : refusalOf(error, table, where);
  } finally {
    // Nothing was changed, so there is nothing to say about an end that fails.
    await client.end().catch(() => {});
  }
}

/** A connection, with the password of the environment. Throws `DATABASE_UNREACHABLE`. */
export async function connect(
  url: string,
  where: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Client> {
  const { default: pg } = await import("pg");
  const password = environment.PGPASSWORD;
  const options: ClientConfig = {
    connectionString: url,
    connectionTimeoutMillis: connectTime,
    query_timeout: queryTime,
    application_name: "vidimus",
    ...(password !== undefined && password !== "" && { password }),
  };
  try {
    const client = new pg.Client(options);
    // A connection that breaks between two queries is told by the next one.
    client.on("error", () => {});
    await client.connect();
    return client;
  } catch (cause) {
    const code = codeOf(cause);
    throw new DatabaseError(
      "DATABASE_UNREACHABLE",
      `${where} cannot be used${code === "" ? "" : ` (${code})`}: check its address, user, password (PGPASSWORD) and sslmode, and that it runs.`,
      cause,
    );
  }
}

/** Every column as bytes, so that nothing is read in the machine's own time zone or as a number. */
function selected(table: Table<string>): string {
  return table.columns.map((column) => `${asBytes(column)} AS ${column}`).join(", ");
}

const blobs: ReadonlySet<string> = new Set(["public", "private", "data"]);

function asBytes(column: string): string {
  return blobs.has(column) ? column : `convert_to(${column}::text, 'UTF8')`;
}

async function refuseLarge(client: Client, table: Table<string>): Promise<void> {
  const large = table.columns.map((column) => `octet_length(${asBytes(column)}) > ${largestValue}`);
  const { rowCount } = await client.query(`SELECT 1 FROM ${table.name} WHERE ${large.join(" OR ")} LIMIT 1`);
  if (rowCount === 0) return;
  throw new DatabaseError(
    "DATABASE_FOREIGN",
    `A row of ${table.name} has more than ${largestValue} bytes in one column, which no Notary has written.`,
  );
}

/** Undefined table, undefined column, no privilege. */
const foreign: ReadonlySet<string> = new Set(["42P01", "42703", "42501"]);

function refusalOf(error: unknown, table: Table<string>, where: string): DatabaseError {
  const code = codeOf(error);
  return foreign.has(code)
    ? new DatabaseError(
        "DATABASE_FOREIGN",
        `${where} has no table ${table.name} that can be read, as an old ${table.of} has it (${code}): name that database, and a user that may read it.`,
        error,
      )
    : new DatabaseError(
        "DATABASE_BROKE_OFF",
        `${where} broke off while it was read${code === "" ? "" : ` (${code})`}: run the command again.`,
        error,
      );
}

/** The code that the database gives an error; empty if it gives none. */
export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" && /^[A-Za-z0-9_]{1,40}$/.test(code) ? code : "";
}

/** As it may stand in a record: without user, password and parameters. Throws `DATABASE_UNREACHABLE`. */
export function publicUrl(url: string, of: string): string {
  placeOf(url, of);
  const { hostname, port, pathname } = new URL(url);
  return `postgres://${hostname}${port === "" ? "" : `:${port}`}${pathname}`;
}

/** Where, without user and password. Throws `DATABASE_UNREACHABLE` for what is no URL. */
export function placeOf(url: string, of: string): string {
  try {
    const { hostname, port, pathname } = new URL(url);
    const host = decodeURIComponent(hostname) || "this machine";
    return `The old ${of}'s database${pathname === "" ? "" : ` ${decodeURIComponent(pathname.slice(1))}`} at ${host}${port === "" ? "" : `:${port}`}`;
  } catch {
    throw new DatabaseError(
      "DATABASE_UNREACHABLE",
      `The address of the old ${of}'s database is no URL: write postgres://USER@HOST:5432/DATABASE, as it stands in db_url of its configuration.`,
    );
  }
}
