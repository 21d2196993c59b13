/**
 * Repositories out of the database of an old notary-server that answers no more: its table `tuf_files` (notary-protocol.md 5.5), every
 * version that it has stored.
 *
 * - The table is read once, whole, into a folder of its own below `temporary`, laid out as a Notary serves it; from there it is a
 *   source like an export. Memory holds names and newest versions alone, and a dump is read as well as a living database.
 * - What is read is believed in nothing, also not the table's own checksums: files lie under those of their bytes.
 * - The folder is for its owner alone, and goes when the source is closed.
 */
import { rmSync } from "node:fs";
import { link, mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { sha256Hex } from "../core/bytes.ts";
import { isRepositoryName, isRole } from "../core/names.ts";
import { folderSource } from "./back/folder-source.ts";
import type { Row } from "./databases/dump.ts";
import { DatabaseError } from "./databases/errors.ts";
import { type OldDatabase, rowsOf } from "./databases/source.ts";
import { type TufFileColumn, tufFiles } from "./databases/tables.ts";
import { SourceError } from "./errors.ts";
import type { Source } from "./source.ts";

export interface DatabaseWays {
  /** As it stands in the record of the server that takes over: without user and password. */
  readonly origin: string;
  /** A folder for temporary files with room for the whole table. */
  readonly temporary: string;
  /** Absent: all that there are. */
  readonly only?: ReadonlySet<string> | undefined;
  readonly ending?: AbortSignal | undefined;
  /** Told now and then how many files were read. */
  readonly onRead?: (files: number) => void;
}

const mostNames = 1_000_000;
/** Files after which it is told how far the reading is. */
const often = 10_000;

/** Throws `DatabaseError`, `SOURCE_ENDLESS`, `SOURCE_UNREACHABLE` for a folder that cannot be written, and why `ending` fired. */
export async function databaseSource(database: OldDatabase, ways: DatabaseWays): Promise<Source> {
  const folder = await inFolder(ways.temporary, () => mkdtemp(join(ways.temporary, "vidimus-old-database-")));
  // At once, for the process may end right after it. What cannot be removed is no reason to fail.
  const close = (): void => {
    try {
      rmSync(folder, { recursive: true, force: true });
    } catch {}
  };
  try {
    const names = await unpack(rowsOf(database, tufFiles), folder, ways);
    const { file } = folderSource(folder);
    return {
      origin: ways.origin,
      async *names(most) {
        if (names.length > most) throw endless(ways.origin);
        yield* names;
      },
      file,
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** Gives the names that there are, also those that no repository can have here. */
async function unpack(
  rows: AsyncIterable<Row<TufFileColumn>>,
  folder: string,
  { origin, temporary, only, ending, onRead }: DatabaseWays,
): Promise<readonly string[]> {
  const newest = new Map<string, Map<string, { version: number; path: string }>>();
  let read = 0;
  for await (const row of rows) {
    ending?.throwIfAborted();
    const { gun, role, version, data } = fileOf(row);
    if (row.get("deleted_at") !== null || (only !== undefined && !only.has(gun))) continue;
    const known = newest.get(gun) ?? new Map<string, { version: number; path: string }>();
    newest.set(gun, known);
    if (newest.size > mostNames) throw endless(origin);
    // What no repository can be called is told by whoever takes it over.
    if (!isRepositoryName(gun) || !isRole(role)) continue;
    const place = join(folder, "v2", gun, "_trust", "tuf");
    const path = join(place, `${role}.${sha256Hex(data)}.json`);
    await inFolder(temporary, async () => {
      await put(path, () => writeFile(path, data, { flag: "wx", mode: 0o600 }));
      const byVersion = join(place, `${version}.${role}.json`);
      await put(byVersion, () => link(path, byVersion));
    });
    if (version > (known.get(role)?.version ?? 0)) known.set(role, { version, path });
    if (++read % often === 0) onRead?.(read);
  }
  for (const [gun, roles] of newest) {
    for (const [role, { path }] of roles) {
      const current = join(folder, "v2", gun, "_trust", "tuf", `${role}.json`);
      await inFolder(temporary, () => put(current, () => link(path, current)));
    }
  }
  return [...newest.keys()].sort();
}

interface OldFile {
  readonly gun: string;
  readonly role: string;
  readonly version: number;
  readonly data: Buffer;
}

function fileOf(row: Row<TufFileColumn>): OldFile {
  const [gun, role, version, data] = (["gun", "role", "version", "data"] as const).map((column) =>
    row.get(column),
  );
  const number = Number(version?.toString("utf8"));
  if (gun == null || role == null || data == null || !Number.isSafeInteger(number) || number < 0) {
    throw new DatabaseError(
      "DATABASE_FOREIGN",
      "A row of tuf_files has no name, role, version or file, which no Notary has written: is this the old server's database?",
    );
  }
  return { gun: gun.toString("utf8"), role: role.toString("utf8"), version: number, data };
}

/** What is there already stays: the same bytes, or another row of the same version, of which the first counts. */
async function put(path: string, write: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await write();
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // A file whose name no file system has room for is missed by whoever verifies its repository.
      if (code === "EEXIST" || code === "ENAMETOOLONG") return;
      if (code !== "ENOENT" || attempt > 1) throw error;
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    }
  }
}

async function inFolder<T>(temporary: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { code = "unknown error" } = cause as NodeJS.ErrnoException;
    throw new SourceError(
      "SOURCE_UNREACHABLE",
      `The old database cannot be laid out in ${temporary} (${code}): make room there for all of tuf_files, or name another folder in TMPDIR.`,
      cause,
    );
  }
}

function endless(origin: string): SourceError {
  return new SourceError("SOURCE_ENDLESS", `${origin} has more than ${mostNames} repositories.`);
}
