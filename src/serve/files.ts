/** Files of the data directory that are not the store's: made whole or not at all, with their mode from the start. */
import { randomBytes } from "node:crypto";
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { makeDirectory, sync } from "../durable.ts";
import { StartError, systemCode } from "./errors.ts";

/**
 * Writes a file beside its place and moves it there, so that nobody ever sees half of it. Durable when it returns.
 * The mode holds whatever the umask says.
 */
export function writeWhole(path: string, content: string, mode: number): void {
  place(path, content, mode, renameSync);
}

/** As above, for a file that must not be there yet: throws EEXIST and leaves it alone if it is. */
export function writeNew(path: string, content: string, mode: number): void {
  place(path, content, mode, linkSync);
}

function place(
  path: string,
  content: string,
  mode: number,
  put: (draft: string, path: string) => void,
): void {
  const directory = dirname(path);
  const draft = join(directory, `.${randomBytes(8).toString("hex")}.draft`);
  const file = openSync(draft, "wx", 0o600);
  try {
    writeSync(file, content);
    fsyncSync(file);
    closeSync(file);
    chmodSync(draft, mode);
    put(draft, path);
  } finally {
    rmSync(draft, { force: true });
  }
  sync(directory);
}

/** A file of a folder that is made whole. */
export interface FolderFile {
  readonly name: string;
  readonly content: string;
  readonly mode: number;
}

/**
 * Makes a folder of mode 0700 that appears with all its files or not at all. Durable when it returns. Throws ENOTEMPTY
 * or EEXIST if one with something in it is there.
 */
export function writeFolder(path: string, files: readonly FolderFile[]): void {
  const directory = dirname(path);
  const draft = join(directory, `.${randomBytes(8).toString("hex")}.draft`);
  mkdirSync(draft, { mode: 0o700 });
  try {
    for (const { name, content, mode } of files) writeNew(join(draft, name), content, mode);
    renameSync(draft, path);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  sync(directory);
}

/**
 * The absolute path of the data directory, made with mode 0700 if it is not there, and its name as durable as what will
 * be in it. A read-only server makes nothing. Throws `StartError` `DATA_UNUSABLE`.
 */
export function prepareDirectory(path: string, readOnly: boolean): string {
  const absolute = resolve(path);
  try {
    if (readOnly) accessSync(absolute, constants.R_OK | constants.X_OK);
    else makeDirectory(absolute);
  } catch (error) {
    const code = systemCode(error);
    const wanted = !readOnly
      ? `cannot be made (${code}): give the user of this process write access to it`
      : code === "ENOENT"
        ? `cannot be read (${code}): what only reads needs one that another start has made`
        : `cannot be read (${code}): run this as the server's user`;
    throw new StartError(
      "DATA_UNUSABLE",
      `The data directory ${absolute} ${wanted}, or name another with --data.`,
      error,
    );
  }
  return absolute;
}
