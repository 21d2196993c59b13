/**
 * Making a folder with those above it, level by level. The platform's own `recursive` never ends where a file system makes
 * no folders and says that something is missing, as `/proc` does (Node 22 and 24).
 */
import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/** @param mode of each folder that is made. Throws what the file system says. */
export async function makeFolder(path: string, mode: number): Promise<void> {
  try {
    await make(path, mode);
  } catch (error) {
    const above = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || above === path) throw error;
    // Somebody else may have made it in the meantime. If it is there and this fails again, nothing can be made in it.
    if (!(await isFolder(above))) await makeFolder(above, mode);
    await make(path, mode);
  }
}

async function make(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST" || !(await isFolder(path))) throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}
