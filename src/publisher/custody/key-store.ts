/** Places on this machine that keys can be put in: what the two kinds of folders have in common. */
import type { KeyObject } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { replaceFile } from "../../client/files/replace-file.ts";
import { makeDirectory } from "../../durable.ts";
import type { Custody, KeyInfo, Secret, Unlocking } from "./custody.ts";
import { KeyError } from "./errors.ts";

/** What is known of a key that is put somewhere. */
export interface NewKey {
  readonly key: KeyObject;
  readonly name: string;
  readonly role: string | undefined;
  readonly repository: string | undefined;
}

export interface KeyStore extends Custody {
  /** Where its files lie. */
  readonly folder: string;

  /**
   * Durable when it resolves, and whole or absent whatever happens. Throws `KEY_EXISTS`, `KEY_UNSUPPORTED`,
   * `KEY_FILE_UNWRITABLE`. The secret stays the caller's to wipe.
   */
  add(key: NewKey, secret: Secret): Promise<KeyInfo>;

  /** Seals a key under another secret, in its place. Throws what `open` throws, and `KEY_FILE_UNWRITABLE`. */
  reseal(id: string, unlocking: Unlocking, secretOf: () => Promise<Secret>): Promise<KeyInfo>;

  /** The key itself, to be put elsewhere. Throws what `open` throws. */
  take(id: string, unlocking: Unlocking): Promise<TakenKey>;
}

/** A private key with what is known of it, and what opened it: undefined where nothing did. */
export interface TakenKey extends NewKey {
  readonly info: KeyInfo;
  /** A copy, which the receiver wipes. */
  readonly secret: Secret | undefined;
}

const mostFiles = 10_000;
/** One key with its headers; RSA with 8192 bits takes 7 KiB. */
export const largestKeyFile = 65_536;

/** Names of files with this ending, in their order; none where there is no folder. Throws `KEY_FILE_UNREADABLE`. */
export async function namesIn(folder: string, ending: string): Promise<readonly string[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw unreadable(folder, error);
  }
  const wanted = names.filter((name) => name.endsWith(ending) && !name.startsWith("."));
  if (wanted.length > mostFiles) {
    throw new KeyError(
      "KEY_FILE_UNREADABLE",
      `${folder} holds more than ${mostFiles} keys: name another folder.`,
    );
  }
  return wanted.sort();
}

/** Undefined if there is none. Throws `KEY_FILE_UNREADABLE`. */
export async function readKeyFile(path: string, most = largestKeyFile): Promise<Buffer | undefined> {
  try {
    const { size } = await regular(path);
    if (size > most) {
      throw new KeyError(
        "KEY_FILE_UNREADABLE",
        `${path} is larger than ${most} bytes, which no key file is.`,
      );
    }
    return await readFile(path);
  } catch (error) {
    if (error instanceof KeyError) throw error;
    if (codeOf(error) === "ENOENT") return undefined;
    throw unreadable(path, error);
  }
}

/** A pipe would be waited for without end. */
async function regular(path: string) {
  const stats = await stat(path);
  if (!stats.isFile()) throw new KeyError("KEY_FILE_UNREADABLE", `${path} is not a file.`);
  return stats;
}

/**
 * A file that only its owner reads.
 * @param folder is made where it is not there yet, of the same kind; undefined to make none
 * Throws `KEY_FILE_UNWRITABLE`, and `KEY_EXISTS` if there
 * must be none and there is one.
 */
export async function writeKey(
  folder: string | undefined,
  path: string,
  bytes: Uint8Array,
  mode: "new" | "replace",
): Promise<void> {
  try {
    if (folder !== undefined) makeDirectory(folder);
    await replaceFile(path, bytes, 0o600, async () => {
      if (mode === "new") await refuseExisting(path);
    });
  } catch (error) {
    if (error instanceof KeyError) throw error;
    throw new KeyError(
      "KEY_FILE_UNWRITABLE",
      `${path} cannot be written (${codeOf(error)}): check its folder.`,
      error,
    );
  }
}

/** Throws `KEY_EXISTS`. */
export async function refuseExisting(path: string): Promise<void> {
  if ((await stat(path).catch(() => undefined)) === undefined) return;
  throw new KeyError("KEY_EXISTS", `${path} is there already: a key is never overwritten.`);
}

export function unknownKey(id: string, folder: string): KeyError {
  return new KeyError("KEY_UNKNOWN", `There is no key ${printable(id)} in ${folder}: see vidimus key list.`);
}

/** What a person typed, without what a terminal obeys. */
function printable(text: string): string {
  return text.slice(0, 100).replaceAll(/\p{C}/gu, "?");
}

function unreadable(path: string, error: unknown): KeyError {
  return new KeyError(
    "KEY_FILE_UNREADABLE",
    `${path} cannot be read (${codeOf(error)}): check its rights.`,
    error,
  );
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "unknown error";
}
