/**
 * Makes a backup, beside a running server or without one.
 *
 * The store is copied first, whole, on disk: that takes as long as copying its bytes, and only so long does the server's
 * log grow. Checking, hashing, sealing and writing work on the copy, in pieces. What is damaged is refused: a backup that
 * cannot be restored whole must not take the place of one that can.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { StoreError } from "../core/errors.ts";
import { type Bytes, type Sealing, seal } from "./age.ts";
import { alteredFiles } from "./altered.ts";
import { type Packed, pack, pieces } from "./archive.ts";
import { BackupError } from "./errors.ts";
import { makeFolder } from "./folders.ts";
import {
  type Manifest,
  type Part,
  type PartName,
  partBounds,
  readManifest,
  writeManifest,
} from "./manifest.ts";
import type { StoreAccess } from "./store-access.ts";
import { fileBytes } from "./streams.ts";

export interface CreateOptions {
  /** The data directory. */
  readonly directory: string;
  readonly store: StoreAccess;
  readonly sealing: Sealing;
  /** Where the copy of the store lies meanwhile. */
  readonly place: string;
  /** What the server was told, for whoever restores it: no secrets. */
  readonly settings: unknown;
  /** The key-encryption secret as its file would hold it, if it is to be in. */
  readonly secret?: Uint8Array | undefined;
  readonly now: () => number;
  readonly version: string;
  /** Takes all of the backup; a failure of `content` is its failure. */
  readonly write: (content: Bytes) => Promise<void>;
}

/** Throws `BackupError` and `StoreError`, with nothing left behind. */
export async function createBackup(options: CreateOptions): Promise<Manifest> {
  const { directory, store, sealing, place, settings, secret, now, version, write } = options;
  if (!existsSync(join(directory, "vidimus.sqlite"))) {
    throw new BackupError(
      "BACKUP_UNREADABLE",
      `There is no store in ${resolve(directory)}: name the data directory of a server with --data.`,
    );
  }
  const folder = makeFolder(place, store.takeLock);
  try {
    const copy = join(folder.path, "vidimus.sqlite");
    await store.copy(directory, copy);
    const made = new Date(now());
    const facts = store.inspect(copy);
    const altered = await alteredFiles(store, copy);
    if (altered !== undefined) {
      throw new StoreError(
        "STORE_CORRUPT",
        `The store is damaged, and no backup was made: ${altered}; keep the backups that there are, see with \`vidimus fsck\` what else is, and restore the last good one.`,
      );
    }
    const parts = [
      small("configuration.json", Buffer.from(`${JSON.stringify(settings, null, 2)}\n`)),
      ...tlsParts(directory),
      ...(secret === undefined ? [] : [small("kek", secret)]),
      { part: await rowOf("vidimus.sqlite", fileBytes(copy)), content: () => fileBytes(copy) },
    ];
    const manifest = writeManifest({
      made: made.toISOString(),
      by: version,
      store: facts,
      secretIncluded: secret !== undefined,
      parts: parts.map(({ part }) => part),
    });
    await write(await seal(pack(manifest, parts, made), sealing));
    return readManifest(manifest);
  } finally {
    folder.remove();
  }
}

/** The CA and certificate that the server made, if it did. */
function tlsParts(directory: string): Packed[] {
  const names = ["tls/ca.crt", "tls/ca.key", "tls/server.pem"] as const;
  return names.flatMap((name) => {
    const path = join(directory, name);
    return existsSync(path) ? [small(name, read(path))] : [];
  });
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new BackupError(
      "BACKUP_UNREADABLE",
      `${path} cannot be read: run this as the server's user.`,
      error,
    );
  }
}

function small(name: PartName, content: Uint8Array): Packed {
  if (content.length > partBounds[name]) {
    throw new BackupError(
      "BACKUP_UNREADABLE",
      `${name} is longer than a backup takes: it is not the server's.`,
    );
  }
  const sha256 = createHash("sha256").update(content).digest("hex");
  return { part: { name, bytes: content.length, sha256 }, content: () => pieces(content) };
}

async function rowOf(name: PartName, content: Bytes): Promise<Part> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const piece of content) {
    bytes += piece.length;
    hash.update(piece);
  }
  return { name, bytes, sha256: hash.digest("hex") };
}
