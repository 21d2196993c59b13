/**
 * Replacing files as a whole: whoever reads one, at any time and after any crash, reads the old or the new one. Of several,
 * none is replaced before all are on disk under other names. What was replaced stays so after a power failure: the folders
 * are synced as well.
 */
import { randomBytes } from "node:crypto";
import { lstat, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

/** `sync`: the disk has the bytes before the file gets its name. */
type Durability = "sync" | "no sync";

/**
 * What cannot be written is thrown as the system says, with its path in `target`.
 * @param mode of new files; only their owner may read them unless told otherwise
 */
export async function replaceFiles(
  files: readonly (readonly [path: string, bytes: Uint8Array])[],
  mode = 0o600,
  durability: Durability = "sync",
  confirm: () => Promise<void> = async () => {},
): Promise<void> {
  const staged: [temporary: string, path: string][] = [];
  let current: string | undefined;
  try {
    for (const [path, bytes] of files) {
      const temporary = join(dirname(path), `.${randomBytes(8).toString("hex")}.tmp`);
      staged.push([temporary, path]);
      current = path;
      await write(temporary, bytes, mode, durability);
      await refuseFolder(path);
    }
    current = undefined;
    await confirm();
    for (const [temporary, path] of staged) {
      current = path;
      await rename(temporary, path);
    }
    if (durability === "no sync") return;
    for (const folder of new Set(staged.map(([, path]) => dirname(path)))) await syncFolder(folder);
  } catch (error) {
    await Promise.all(staged.map(([temporary]) => rm(temporary, { force: true })));
    throw current === undefined ? error : Object.assign(error as Error, { target: current });
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
