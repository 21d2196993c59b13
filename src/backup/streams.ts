/**
 * Backups on their way to and from the disk, in pieces.
 *
 * A file that is written appears under its name whole and synced, or not at all: until then it is NAME.partial, which is
 * removed on every way out that is not kill -9. What that leaves is replaced by the next backup of the same name.
 */
import { fstatSync, renameSync, rmSync, statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { sync } from "../durable.ts";
import type { Bytes } from "./age.ts";
import { BackupError, unwritable } from "./errors.ts";

const pieceLength = 64 * 1024;

/** A file's bytes. Reading throws `BACKUP_UNREADABLE`. */
export async function* fileBytes(path: string): Bytes {
  const file = await reading(path, () => open(path, "r"));
  try {
    yield* handleBytes(file, path);
  } finally {
    await file.close();
  }
}

/** A backup's bytes; those of standard input for `-`. Reading throws `BACKUP_UNREADABLE`. */
export function backupBytes(file: string): Bytes {
  return file === "-" ? standardInput() : fileBytes(file);
}

async function* standardInput(): Bytes {
  try {
    yield* process.stdin as AsyncIterable<Buffer>;
  } catch (error) {
    throw unreadable("Standard input", error);
  }
}

/** Writes a new file, mode 0600, synced. Throws `BACKUP_UNWRITABLE`, and what reading throws, and leaves no file then. */
export async function writeFileBytes(path: string, content: Bytes): Promise<void> {
  const file = await writing(path, () => open(path, "wx", 0o600));
  try {
    await fill(file, path, content);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/** Writes `path` by way of `path`.partial. Throws as `writeFileBytes` does. */
export async function writeBackup(path: string, content: Bytes): Promise<void> {
  const place = resolve(path);
  const partial = `${place}.partial`;
  const file = await writing(place, () => {
    rmSync(partial, { force: true });
    return open(partial, "wx", 0o600);
  });
  const { ino } = fstatSync(file.fd);
  // Another backup of the same name may have begun since, and then it is its file.
  const isOurs = () => statSync(partial, { throwIfNoEntry: false })?.ino === ino;
  const remove = () => {
    if (isOurs()) rmSync(partial, { force: true });
  };
  process.on("exit", remove);
  try {
    await fill(file, place, content);
    await writing(place, async () => {
      if (!isOurs()) throw new Error("Another backup of the same name was begun.");
      renameSync(partial, place);
      syncFolder(dirname(partial));
    });
  } finally {
    await file.close();
    remove();
    process.removeListener("exit", remove);
  }
}

/** To standard output, no faster than it is read. Throws `BACKUP_UNWRITABLE`. */
export async function writeStandardOutput(content: Bytes): Promise<void> {
  // A failure is told by the write that it met; the event that follows it would end the process.
  process.stdout.on("error", () => {});
  for await (const piece of content) {
    await writing("Standard output", () => {
      const { promise, resolve: done, reject } = Promise.withResolvers<void>();
      process.stdout.write(piece, (error) => (error ? reject(error) : done()));
      return promise;
    });
  }
}

async function fill(file: FileHandle, path: string, content: Bytes): Promise<void> {
  for await (const piece of content) await writing(path, () => file.writeFile(piece));
  await writing(path, () => file.sync());
}

/** Makes names in a folder durable. Throws `BACKUP_UNWRITABLE`. */
export function syncFolder(path: string): void {
  try {
    sync(path);
  } catch (error) {
    throw unwritable(path, error);
  }
}

async function* handleBytes(file: FileHandle, path: string): Bytes {
  for (;;) {
    const { bytesRead, buffer } = await reading(path, () =>
      file.read(Buffer.alloc(pieceLength), 0, pieceLength, null),
    );
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

async function reading<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof BackupError ? error : unwritable(path, error);
  }
}

function unreadable(what: string, cause: unknown): BackupError {
  const code = (cause as NodeJS.ErrnoException).code ?? "unknown";
  return new BackupError(
    "BACKUP_UNREADABLE",
    `${what} cannot be read (${code}): check its name and rights.`,
    cause,
  );
}
