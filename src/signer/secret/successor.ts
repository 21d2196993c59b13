/**
 * The next key of a key file, while the one is exchanged for the other: PATH.new beside PATH.
 *
 * The order is what makes it safe: the new key is on disk before anything is sealed under it, and takes the old one's
 * place after that. In between both are there, and whoever opens the record tries both.
 *
 * Everything here throws `BAD_SECRET`.
 */
import { existsSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { SignerError } from "../../core/errors.ts";
import { sync } from "../../durable.ts";
import { createKeyFile, readSecret, type Secret } from "../secret.ts";

/** Makes it, durable. One that is there already must have been found useless by the caller: it is replaced. */
export function createSuccessor(path: string): Secret {
  dropSuccessor(path);
  createKeyFile(nameOf(path));
  return readSecret(`file:${nameOf(path)}`);
}

export function hasSuccessor(path: string): boolean {
  return existsSync(nameOf(path));
}

/** For a key file that does not open what it should. */
export function readSuccessor(path: string): Secret {
  try {
    return readSecret(`file:${nameOf(path)}`);
  } catch (cause) {
    if (!(cause instanceof SignerError)) throw cause;
    throw new SignerError(
      "BAD_SECRET",
      `It does not open the store, and its successor, the file of that name that ends in .new, cannot be used: ${cause.message}`,
      { cause },
    );
  }
}

/** Puts it in the old one's place: from here on there is only the new one. */
export function adoptSuccessor(path: string): void {
  try {
    renameSync(nameOf(path), path);
    sync(dirname(path));
  } catch (cause) {
    throw new SignerError(
      "BAD_SECRET",
      "The new key could not be put in the place of the old one: check the rights of the directory, and rename the key file that ends in .new by hand.",
      { cause },
    );
  }
}

/** For one that certainly opens nothing. */
export function dropSuccessor(path: string): void {
  try {
    rmSync(nameOf(path), { force: true });
  } catch (cause) {
    throw new SignerError(
      "BAD_SECRET",
      "The key file that ends in .new cannot be removed: check the rights of its directory.",
      { cause },
    );
  }
}

function nameOf(path: string): string {
  return `${path}.new`;
}
