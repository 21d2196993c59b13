/**
 * Replacing files as a whole: whoever reads one, at any time and after any crash, reads the old or the new one. Of several,
 * none is replaced before all are on disk under other names, and where one cannot be put in its place those before it
 * are put back: all are new, or all are as they were. Only a crash between two of them leaves some of each. What was
 * replaced stays so after a power failure: the folders are synced as well.
 */
import { randomBytes } from "node:crypto";
import { constants, copyFile, link, lstat, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

/** `sync`: the disk has the bytes before the file gets its name. */
type Durability = "sync" | "no sync";

/** One failed, and some before it are new and could not be put back. `code` is the system's, of the first failure. */
export class HalfReplaced extends Error {
  override readonly name = "HalfReplaced";
  readonly code: string;
  /** The files that are new, each with where its old bytes are; undefined if there was none. */
  readonly files: readonly { readonly path: string; readonly kept: string | undefined }[];

  constructor(cause: unknown, files: HalfReplaced["files"]) {
    super("some files could not be put back", { cause });
    this.code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
    this.files = files;
  }
}

interface Staged {
  readonly path: string;
  /** Where the new bytes wait. */
  readonly temporary: string;
  /** Where the old file is kept until all are replaced; undefined if there was none, or nothing to be kept for. */
  kept: string | undefined;
}

/**
 * @param mode of new files; only their owner may read them unless told otherwise
 * Throws what the system says, with the path that cannot be written in `target`; or `HalfReplaced`.
 */
export async function replaceFiles(
  files: readonly (readonly [path: string, bytes: Uint8Array])[],
  mode = 0o600,
  durability: Durability = "sync",
  confirm: () => Promise<void> = async () => {},
): Promise<void> {
  const staged: Staged[] = [];
  try {
    for (const [path, bytes] of files) {
      const one: Staged = { path, temporary: besideOf(path), kept: undefined };
      staged.push(one);
      await of(path, async () => {
        await write(one.temporary, bytes, mode, durability);
        await refuseFolder(path);
      });
    }
    // One alone is replaced or not.
    if (staged.length > 1) for (const one of staged) await keep(one);
    await confirm();
    await putAll(staged, durability);
  } finally {
    const left = staged.flatMap(({ temporary, kept }) =>
      kept === undefined ? [temporary] : [temporary, kept],
    );
    // What stays behind here changes nothing of how it ended.
    await Promise.allSettled(left.map((path) => rm(path, { force: true })));
  }
}

/** @param confirm is asked last of all, when everything is ready; what it throws ends the replacement */
export async function replaceFile(
  path: string,
  bytes: Uint8Array,
  mode?: number,
  confirm?: () => Promise<void>,
): Promise<void> {
  await replaceFiles([[path, bytes]], mode, "sync", confirm);
}

/**
 * For a file that is checked against a digest whenever it is read, and can be had again: after a crash it may be damaged.
 */
export async function replaceCheckedFile(path: string, bytes: Uint8Array): Promise<void> {
  await replaceFiles([[path, bytes]], undefined, "no sync");
}

async function putAll(staged: readonly Staged[], durability: Durability): Promise<void> {
  const put: Staged[] = [];
  try {
    for (const one of staged) {
      await of(one.path, () => rename(one.temporary, one.path));
      put.push(one);
    }
    if (durability === "no sync") return;
    for (const folder of new Set(staged.map(({ path }) => dirname(path)))) await syncFolder(folder);
  } catch (error) {
    if (staged.length > 1) await putBack(put, error);
    throw error;
  }
}

/** Every one that can be, the last first. */
async function putBack(put: readonly Staged[], cause: unknown): Promise<void> {
  const stuck: { path: string; kept: string | undefined }[] = [];
  for (const one of [...put].reverse()) {
    const { path, kept } = one;
    try {
      await (kept === undefined ? rm(path, { force: true }) : rename(kept, path));
    } catch {
      stuck.unshift({ path, kept });
    }
    // It is in its place again, or all that is left of the old file.
    one.kept = undefined;
  }
  if (stuck.length > 0) throw new HalfReplaced(cause, stuck);
}

/** Gives the file that is there now another name, so that it outlives its replacement. */
async function keep(one: Staged): Promise<void> {
  try {
    await lstat(one.path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const kept = besideOf(one.path);
  one.kept = kept;
  await link(one.path, kept)
    // Not every file system has links, and not every file may get one.
    .catch(() => copyFile(one.path, kept, constants.COPYFILE_EXCL));
}

/** What fails in a task says of which file it is: the system knows only the name under which it was made. */
async function of(path: string, task: () => Promise<void>): Promise<void> {
  await task().catch((error: unknown) => {
    throw Object.assign(error as Error, { target: path });
  });
}

function besideOf(path: string): string {
  return join(dirname(path), `.${randomBytes(8).toString("hex")}.tmp`);
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Nothing can be renamed to a folder, which is better known before the first renaming. */
async function refuseFolder(path: string): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  if (there?.isDirectory() === true)
    throw Object.assign(new Error("there is a folder of that name"), { code: "EISDIR" });
}

async function write(path: string, bytes: Uint8Array, mode: number, durability: Durability): Promise<void> {
  const file = await open(path, "wx", mode);
  try {
    await file.writeFile(bytes);
    if (durability === "sync") await file.sync();
  } finally {
    await file.close();
  }
}
