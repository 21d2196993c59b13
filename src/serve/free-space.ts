/** How much room there is for the data. */
import { statfs } from "node:fs/promises";

/** Bytes that an unprivileged process may still write where this folder is; not a number if that cannot be told. */
export async function freeBytes(directory: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  } catch {
    return Number.NaN;
  }
}
