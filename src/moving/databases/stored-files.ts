/**
 * Writing files into the tables of an old server's PostgreSQL (notary-protocol.md 5.5): the only place where anything is changed in
 * an old database.
 *
 * - One transaction a call, in which nobody else writes files. What is there is read again in it; where that is not what the
 *   caller saw before, nothing is written and it is asked to look again.
 * - A row that is there is never changed or taken away.
 */
import pLimit from "p-limit";
import type { Client } from "pg";
import { DatabaseError } from "./errors.ts";
import { codeOf, connect, placeOf } from "./postgres.ts";

export interface StoredFile {
  readonly role: string;
  readonly version: number;
  readonly sha256: string;
}

export interface NewFile extends StoredFile {
  readonly bytes: Buffer;
}

export interface StoredFiles {
  /** Where it is, without user and password. */
  readonly place: string;
  /** Every version of every role. */
  of(repository: string): Promise<readonly StoredFile[]>;
  /**
   * Adds what is not there, and tells the feed of the timestamps among `announced`. Undefined: what is there is no longer
   * `seen`, and nothing was written. Otherwise how many rows were added.
   */
  add(
    repository: string,
    files: readonly NewFile[],
    seen: readonly StoredFile[],
    announced: readonly StoredFile[],
  ): Promise<number | undefined>;
  close(): Promise<void>;
}

/** Every call throws `DATABASE_FOREIGN` and `DATABASE_BROKE_OFF`; opening throws `DATABASE_UNREACHABLE`. */
export async function openStoredFiles(
  url: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<StoredFiles> {
  const place = placeOf(url, "server");
  const client = await connect(url, place, environment);
  const oneAtATime = pLimit(1);
  const inTurn = <T>(task: () => Promise<T>): Promise<T> =>
    oneAtATime(async () => {
      try {
        return await task();
      } catch (error) {
        throw refusalOf(error, place);
      }
    });

  return {
    place,
    of: (repository) => inTurn(() => rowsOf(client, repository)),
    add: (repository, files, seen, announced) =>
      inTurn(async () => {
        await client.query("BEGIN");
        try {
          // Readers go on; a server that would publish or renew waits.
          await client.query("LOCK TABLE tuf_files IN SHARE ROW EXCLUSIVE MODE");
          const there = await rowsOf(client, repository);
          if (textOf(there) !== textOf(seen)) {
            await client.query("ROLLBACK");
            return undefined;
          }
          const known = new Set(there.map(({ role, version }) => `${version} ${role}`));
          const missing = files.filter(({ role, version }) => !known.has(`${version} ${role}`));
          for (const file of missing) await insert(client, repository, file);
          for (const { version, sha256 } of announced) {
            await client.query(
              "INSERT INTO changefeed (created_at, gun, version, sha256, category) VALUES (now() AT TIME ZONE 'UTC', $1, $2, $3, 'update')",
              [repository, version, sha256],
            );
          }
          await client.query("COMMIT");
          return missing.length;
        } catch (error) {
          await client.query("ROLLBACK").catch(() => {});
          throw error;
        }
      }),
    async close() {
      await client.end().catch(() => {});
    },
  };
}

async function rowsOf(client: Client, repository: string): Promise<StoredFile[]> {
  const { rows } = await client.query<{ role: string; version: number; sha256: string | null }>(
    "SELECT role, version, sha256 FROM tuf_files WHERE gun = $1 ORDER BY role, version",
    [repository],
  );
  return rows.map(({ role, version, sha256 }) => ({ role, version, sha256: sha256?.trim() ?? "" }));
}

async function insert(
  client: Client,
  repository: string,
  { role, version, sha256, bytes }: NewFile,
): Promise<void> {
  await client.query(
    "INSERT INTO tuf_files (created_at, updated_at, gun, role, version, data, sha256) VALUES (now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC', $1, $2, $3, $4, $5)",
    [repository, role, version, bytes, sha256],
  );
}

function textOf(files: readonly StoredFile[]): string {
  return files.map(({ role, version, sha256 }) => `${role} ${version} ${sha256}`).join("\n");
}

/** Undefined table, undefined column, no privilege, a transaction that may not write. */
const foreign: ReadonlySet<string> = new Set(["42P01", "42703", "42501", "25006"]);

function refusalOf(error: unknown, place: string): unknown {
  if (error instanceof DatabaseError) return error;
  const code = codeOf(error);
  return foreign.has(code)
    ? new DatabaseError(
        "DATABASE_FOREIGN",
        `${place} has no tables tuf_files and changefeed that can be written (${code}): name the old server's database, and a user that may write there.`,
        error,
      )
    : new DatabaseError(
        "DATABASE_BROKE_OFF",
        `${place} broke off${code === "" ? "" : ` (${code})`}: run the command again, which goes on where it was.`,
        error,
      );
}
