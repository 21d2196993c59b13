/** The file of an age identity, as `age-keygen` writes it: one a line, with comments. */
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { unusable } from "./errors.ts";

/** In bytes, and identities in it. */
const maxFile = 64 * 1024;
const maxIdentities = 20;

/** Throws `BACKUP_KEY_UNUSABLE`. No message repeats what is in the file. */
export function readIdentities(path: string): readonly string[] {
  const lines = read(path)
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (lines.length === 0 || lines.length > maxIdentities) {
    throw unusable(
      `The file of the identity needs at least one, and at most ${maxIdentities}: give one from age-keygen.`,
    );
  }
  return lines;
}

function read(path: string): string {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch (error) {
    throw unusable("The file of the identity cannot be read: check its name and owner.", error);
  }
  const buffer = Buffer.alloc(maxFile + 1);
  try {
    if (fstatSync(file).isFile() && (fstatSync(file).mode & 0o077) !== 0) {
      throw unusable(
        "Others may read or write the file of the identity: run chmod 600 on it, and consider it known to them.",
      );
    }
    let length = 0;
    for (let count = -1; count !== 0 && length < buffer.length; length += count) {
      count = readSync(file, buffer, length, buffer.length - length, null);
    }
    if (length > maxFile)
      throw unusable(`The file of the identity has more than ${maxFile} bytes: give one from age-keygen.`);
    return buffer.toString("utf8", 0, length);
  } catch (error) {
    throw error instanceof Error && error.name === "BackupError"
      ? error
      : unusable("The file of the identity cannot be read: give a regular file.", error);
  } finally {
    buffer.fill(0);
    closeSync(file);
  }
}
