/**
 * Restores a backup into an empty data directory.
 *
 * - Where it can be, it is put together and checked in a folder beside the directory and takes its place in one step.
 * - A directory that a volume is mounted on, or whose parent is somebody else's, cannot be exchanged. There it is put
 *   together inside, under the lock that keeps every server out, and the store is moved first, its key last: a power cut
 *   in between leaves a store without its key, which a server refuses, not a key without its store, which it takes for a
 *   first start.
 * - Nothing is ever overwritten: a directory that holds anything is refused.
 */
import {
  chmodSync,
  existsSync,
  linkSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { makeDirectory } from "../durable.ts";
import type { Bytes, Opening } from "./age.ts";
import { pieces } from "./archive.ts";
import { BackupError, unwritable } from "./errors.ts";
import { type Folder, makeFolder } from "./folders.ts";
import type { Manifest, PartName } from "./manifest.ts";
import type { StoreAccess } from "./store-access.ts";
import { syncFolder, writeFileBytes } from "./streams.ts";
import { takeApart } from "./take-apart.ts";

export interface RestoreOptions {
  readonly content: Bytes;
  readonly opening: Opening;
  /** Empty, or not there yet. */
  readonly into: string;
  readonly store: StoreAccess;
  /** Take the directory for one that cannot be exchanged. */
  readonly testingOnlyInside?: boolean;
}

/** What may lie in a directory that counts as empty: of an earlier server or restore, and of a file system. */
const nobodys = /^(?:lock\.db|server\.pid|lost\+found|vidimus-backup-[A-Za-z0-9]{6})$/;

/** Throws `BackupError`, and `StoreError` (`STORE_LOCKED`: a server runs there). */
export async function restoreBackup(options: RestoreOptions): Promise<Manifest> {
  const into = resolve(options.into);
  refuseInhabited(into, options.store);
  const beside = options.testingOnlyInside ? undefined : folderBeside(into, options.store);
  return beside === undefined
    ? await restoreInside(into, options)
    : await restoreBeside(into, beside, options);
}

async function restoreBeside(into: string, folder: Folder, options: RestoreOptions): Promise<Manifest> {
  try {
    const content = join(folder.path, "content");
    const manifest = await fill(content, options);
    move(content, into);
    syncFolder(dirname(into));
    return manifest;
  } finally {
    folder.remove();
  }
}

async function restoreInside(into: string, options: RestoreOptions): Promise<Manifest> {
  const made = makeFolderOrRefuse(into);
  try {
    const lock = options.store.takeLock(into);
    try {
      const folder = makeFolder(into, options.store.takeLock);
      try {
        const content = join(folder.path, "content");
        const manifest = await fill(content, options);
        placeAll(inTheirOrder(readdirSync(content)), content, into);
        return manifest;
      } finally {
        folder.remove();
      }
    } finally {
      lock.release();
    }
  } catch (error) {
    if (made !== undefined) removeEmpty(into, made);
    throw error;
  }
}

/** The store first and its key last: until both are there, and all that lies between, no server takes it for whole. */
function inTheirOrder(names: readonly string[]): string[] {
  const place = (name: string) => (name === "vidimus.sqlite" ? 0 : name === "kek" ? 2 : 1);
  return [...names].sort((a, b) => place(a) - place(b));
}

/** In this order, all or none, and nothing in the place of something. */
function placeAll(names: readonly string[], from: string, into: string): void {
  const placed: string[] = [];
  try {
    for (const name of names) {
      const path = join(into, name);
      if (statSync(join(from, name)).isDirectory()) renameSync(join(from, name), path);
      else linkSync(join(from, name), path);
      placed.push(path);
    }
    syncFolder(into);
  } catch (error) {
    for (const path of placed) rmSync(path, { recursive: true, force: true });
    throw error instanceof BackupError ? error : unwritable(into, error);
  }
}

/** A directory that was made for nothing, with those that were made above it, unless somebody put something into them. */
function removeEmpty(directory: string, first: string): void {
  try {
    rmSync(join(directory, "lock.db"), { force: true });
    for (let path = directory; path.startsWith(first); path = dirname(path)) rmdirSync(path);
  } catch {
    // It is somebody's.
  }
}

/** Everything of the backup, checked and synced, in a new folder. */
async function fill(folder: string, { content, opening, store }: RestoreOptions): Promise<Manifest> {
  makeFolderOrRefuse(join(folder, "restored"));
  const manifest = await takeApart({ content, opening, folder, placeOf, store });
  const text = Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`);
  await writeFileBytes(join(folder, "restored", "manifest.json"), pieces(text));
  if (existsSync(join(folder, "tls", "ca.crt"))) chmodSync(join(folder, "tls", "ca.crt"), 0o644);
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of folders) syncFolder(join(folder, name));
  syncFolder(folder);
  return manifest;
}

/** The settings are for people to read: no server takes them from there. */
function placeOf(name: PartName): string {
  return name === "configuration.json" ? "restored/configuration.json" : name;
}

function refuseInhabited(into: string, store: StoreAccess): void {
  const names = namesIn(into);
  // Says so if a server runs.
  if (names.includes("lock.db")) store.takeLock(into).release();
  const name = names.find((each) => !nobodys.test(each));
  if (name === undefined) return;
  throw new BackupError(
    "NOT_EMPTY",
    `${into} is not empty (${name}): restore into an empty directory with --into; nothing is ever overwritten.`,
  );
}

function namesIn(directory: string): string[] {
  try {
    return existsSync(directory) ? readdirSync(directory) : [];
  } catch (error) {
    throw unwritable(directory, error);
  }
}

/** Undefined if the directory cannot be exchanged. */
function folderBeside(into: string, store: StoreAccess): Folder | undefined {
  const there = statSync(into, { throwIfNoEntry: false });
  const parent = statSync(dirname(into), { throwIfNoEntry: false });
  if (there !== undefined && (there.dev !== parent?.dev || readdirSync(into).length > 0)) return undefined;
  try {
    return makeFolder(dirname(into), store.takeLock);
  } catch {
    return undefined;
  }
}

/** The first directory that had to be made, if any. */
function makeFolderOrRefuse(path: string): string | undefined {
  try {
    return makeDirectory(path);
  } catch (error) {
    throw unwritable(path, error);
  }
}

function move(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    throw unwritable(to, error);
  }
}
