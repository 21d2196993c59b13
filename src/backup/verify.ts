/** Says whether a backup could be restored, and what is in it. Only its store is written, to be checked, and removed. */
import { tmpdir } from "node:os";
import type { Bytes, Opening } from "./age.ts";
import { makeFolder } from "./folders.ts";
import type { Manifest } from "./manifest.ts";
import type { StoreAccess } from "./store-access.ts";
import { takeApart } from "./take-apart.ts";

export interface VerifyOptions {
  readonly content: Bytes;
  readonly opening: Opening;
  /** Where the store is written meanwhile. Default: the system's place for temporary files. */
  readonly place: string | undefined;
  readonly store: StoreAccess;
}

/** Throws `BackupError` and `StoreError`. */
export async function verifyBackup({ content, opening, place, store }: VerifyOptions): Promise<Manifest> {
  const folder = makeFolder(place ?? tmpdir(), store.takeLock);
  try {
    return await takeApart({ content, opening, folder: folder.path, placeOf: () => undefined, store });
  } finally {
    folder.remove();
  }
}
