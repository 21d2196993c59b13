/**
 * Opens a backup, checks all that is in it, and puts what is wanted into a folder.
 *
 * Everything is checked: the seal to its end, the manifest, every hash, that the store is sound and of a version that
 * is known here, that it holds as much as the manifest says, and that every file in it has its digest. What is not wanted
 * is hashed and never written.
 */
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { StoreError } from "../core/errors.ts";
import { type Bytes, type Opening, unseal } from "./age.ts";
import { alteredFiles } from "./altered.ts";
import { unpack } from "./archive.ts";
import { BackupError, damaged, unwritable } from "./errors.ts";
import type { Manifest, PartName, StoreFacts } from "./manifest.ts";
import type { StoreAccess } from "./store-access.ts";
import { writeFileBytes } from "./streams.ts";

export interface TakeApartOptions {
  readonly content: Bytes;
  readonly opening: Opening;
  /** An empty folder. */
  readonly folder: string;
  /** Where a part goes in it. The store goes to `vidimus.sqlite` in any case: its check needs it. */
  readonly placeOf: (name: PartName) => string | undefined;
  readonly store: Pick<StoreAccess, "inspect" | "hash">;
}

/** Throws `BackupError` and `StoreError`. What it wrote until then is for the caller to remove. */
export async function takeApart(options: TakeApartOptions): Promise<Manifest> {
  const { content, opening, folder, placeOf, store } = options;
  const source = content[Symbol.asyncIterator]();
  let manifest: Manifest;
  try {
    const plain = await unseal({ [Symbol.asyncIterator]: () => source }, opening);
    manifest = await unpack(plain, {
      async part(name, bytes) {
        const place = name === "vidimus.sqlite" ? name : placeOf(name);
        if (place === undefined) return await pass(bytes);
        makeFolderOf(join(folder, place));
        await writeFileBytes(join(folder, place), bytes);
      },
    });
  } finally {
    // Closes a file that was not read to its end. Not waited for: whoever writes to a pipe may never go on.
    source.return?.().catch(() => {});
  }
  const facts = inspect(store, join(folder, "vidimus.sqlite"));
  if (!isDeepStrictEqual(facts, manifest.store)) throw damaged("its store is not what the manifest says");
  const altered = await alteredFiles(store, join(folder, "vidimus.sqlite"));
  if (altered !== undefined) throw damaged(`in its store ${altered}`);
  return manifest;
}

function inspect(store: Pick<StoreAccess, "inspect">, file: string): StoreFacts {
  try {
    return store.inspect(file);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    if (error.code === "STORE_CORRUPT") throw damaged("its store is not sound", error);
    if (error.code !== "STORE_NEWER" && error.code !== "MIGRATION_EDITED") throw error;
    throw new BackupError(
      "BACKUP_NEWER",
      "The store in the backup has a schema that this Vidimus does not know: use the version that made the backup, or a later one.",
      error,
    );
  }
}

async function pass(bytes: Bytes): Promise<void> {
  for await (const _piece of bytes) {
    // Reading is checking.
  }
}

function makeFolderOf(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw unwritable(dirname(path), error);
  }
}
