/**
 * The plain inside of a backup: a tar file, so that `age -d` and `tar -x` restore it without us.
 *
 * - First the manifest, then the parts in its order, then nothing.
 * - Every part is hashed on its way, out and in, and must be what the manifest says.
 * - Whatever sizes an archive claims, its parser never holds more than a bound of what it was fed and has not given out.
 */
import { createHash } from "node:crypto";
import { createTarDecoder, createTarPacker, type ParsedTarEntry } from "modern-tar";
import type { Bytes } from "./age.ts";
import { BackupError, damaged, notABackup } from "./errors.ts";
import {
  type Manifest,
  manifestName,
  maxManifest,
  type Part,
  type PartName,
  readManifest,
} from "./manifest.ts";

/** What the parser may hold, in bytes. */
const maxAhead = 8 * 1024 * 1024;

export interface Packed {
  readonly part: Part;
  readonly content: () => Bytes;
}

/** Reading fails with `BACKUP_DAMAGED` if a part is not what its row says: its file changed while it was read. */
export function pack(manifest: Uint8Array, parts: readonly Packed[], made: Date): Bytes {
  const { readable, controller } = createTarPacker();
  async function add(name: string, size: number, content: Bytes): Promise<void> {
    const entry = controller.add({ name, size, mtime: made, mode: 0o600, type: "file" });
    await ReadableStream.from(content).pipeTo(entry);
  }
  async function addAll(): Promise<void> {
    await add(manifestName, manifest.length, pieces(manifest));
    for (const { part, content } of parts) await add(part.name, part.bytes, checked(content(), part));
    controller.finalize();
  }
  addAll().catch((error: unknown) => controller.error(error));
  return readable;
}

export interface Unpacking {
  /** Takes each part, whole. Reading fails with `BACKUP_DAMAGED` if it is not what its row says. */
  readonly part: (name: PartName, content: Bytes) => Promise<void>;
}

/**
 * Reads to the end; before it resolves nothing that was taken is known to be all. Throws `NOT_A_BACKUP`, `BACKUP_NEWER`,
 * `BACKUP_DAMAGED`, and a `BackupError` of `plain` unchanged.
 */
export async function unpack(plain: Bytes, taker: Unpacking): Promise<Manifest> {
  const ahead = { bytes: 0, over: false };
  const decoder = createTarDecoder({ strict: true });
  const entries = ReadableStream.from(fed(plain, ahead)).pipeThrough(decoder)[Symbol.asyncIterator]();
  try {
    const first = await next(entries);
    if (first?.header.name !== manifestName) throw notABackup();
    const manifest = readManifest(await gather(given(first, ahead), maxManifest));
    for (const part of manifest.parts) {
      const entry = await next(entries);
      if (!isEntryOf(part, entry)) throw damaged("its parts");
      await taker.part(part.name, checked(given(entry, ahead), part));
    }
    if ((await next(entries)) !== undefined) throw damaged("its parts");
    return manifest;
  } finally {
    ahead.over = true;
    await letGo(entries);
  }
}

export async function* pieces(...all: Uint8Array[]): Bytes {
  yield* all;
}

/** Whoever gave the bytes may close what they come from. If they failed, that has been told. */
async function letGo(entries: AsyncIterator<unknown>): Promise<void> {
  try {
    await entries.return?.();
  } catch {
    // The failure that ended the reading, once more.
  }
}

/** All of it, if it is not longer than `most` bytes. */
export async function gather(content: Bytes, most: number): Promise<Buffer> {
  const found: Uint8Array[] = [];
  let length = 0;
  for await (const piece of content) {
    length += piece.length;
    if (length > most) throw damaged("a part is too long");
    found.push(piece);
  }
  return Buffer.concat(found);
}

function isEntryOf(part: Part, entry: ParsedTarEntry | undefined): entry is ParsedTarEntry {
  const header = entry?.header;
  return header?.name === part.name && header.size === part.bytes && header.type === "file";
}

async function next(entries: AsyncIterator<ParsedTarEntry>): Promise<ParsedTarEntry | undefined> {
  try {
    const { done, value } = await entries.next();
    return done ? undefined : value;
  } catch (error) {
    throw refusalOf(error);
  }
}

/** The same bytes, as long as they have the length and digest of the row. */
async function* checked(content: Bytes, { bytes, sha256 }: Part): Bytes {
  const hash = createHash("sha256");
  let length = 0;
  for await (const piece of content) {
    length += piece.length;
    if (length > bytes) break;
    hash.update(piece);
    yield piece;
  }
  if (length !== bytes || hash.digest("hex") !== sha256)
    throw damaged("a part is not what the manifest says");
}

/** `over`: nobody takes anything any more, and the parser must not be fed for nothing. */
async function* fed(plain: Bytes, ahead: { bytes: number; readonly over: boolean }): Bytes {
  for await (const piece of plain) {
    if (ahead.over) return;
    ahead.bytes += piece.length;
    if (ahead.bytes > maxAhead) throw damaged("its parts");
    yield piece;
  }
}

async function* given({ body }: ParsedTarEntry, ahead: { bytes: number }): Bytes {
  try {
    for await (const piece of body) {
      ahead.bytes -= piece.length;
      yield piece;
    }
  } catch (error) {
    throw refusalOf(error);
  }
}

function refusalOf(error: unknown): BackupError {
  return error instanceof BackupError ? error : damaged("its parts", error);
}
