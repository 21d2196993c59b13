/**
 * The files of keys in a folder of a stock client, in whichever layout that client had (notary-protocol.md 7.2), and under
 * whatever name: people copy and rename what they are afraid to lose.
 *
 * - `private/<key ID>.key` today; before 0.4 `private/root_keys` and `private/tuf_keys/<repository>`, at first with `_<role>`
 *   behind the ID
 * - the same without `private`, where somebody has copied that folder alone
 *
 * Nothing is opened. Names come from whoever could write there: they are bounded, and links to folders are not followed.
 */
import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { isHex } from "../../core/bytes.ts";
import { isRepositoryName, isRole } from "../../core/names.ts";
import { KeyError } from "./errors.ts";

const ending = ".key";
const mostFiles = 10_000;
const mostEntries = 100_000;
/** Folders of a repository's name. */
const deepest = 64;

/** What is known of a key before its file is read. */
export interface SaidOfKey {
  readonly id?: string | undefined;
  readonly role?: string | undefined;
  readonly repository?: string | undefined;
}

export interface KeyFilePlace extends SaidOfKey {
  readonly path: string;
}

export interface KeyFiles {
  /** The folder that was looked through, for a person. */
  readonly folder: string;
  readonly files: readonly KeyFilePlace[];
  /** What has the name of a key's file and is none. */
  readonly faults: readonly KeyError[];
}

/** In a stable order. Throws `KEY_FILE_UNREADABLE` for a folder that cannot be read, and for one that holds too much. */
export async function keyFilesIn(directory: string): Promise<KeyFiles> {
  const files: KeyFilePlace[] = [];
  const faults: KeyError[] = [];
  let entries = 0;

  const entriesOf = async (folder: string): Promise<readonly Dirent[]> => {
    const found = await readFolder(folder);
    entries += found.length;
    if (entries > mostEntries || files.length > mostFiles) throw tooMany(directory);
    return found;
  };
  const take = async (folder: string, entry: Dirent, said: SaidOfKey): Promise<void> => {
    if (!entry.name.endsWith(ending) || entry.name.startsWith(".")) return;
    const path = join(folder, entry.name);
    const fault = await whyNoFile(path, entry);
    if (fault !== undefined) faults.push(aboutName(fault, path));
    else files.push({ path, ...said, ...saidByName(entry.name) });
  };
  const below = async (folder: string, repository: string, depth: number): Promise<void> => {
    if (depth > deepest) throw tooMany(directory);
    for (const entry of await entriesOf(folder)) {
      const name = repository === "" ? entry.name : `${repository}/${entry.name}`;
      if (entry.isDirectory() && !entry.name.endsWith(ending))
        await below(join(folder, entry.name), name, depth + 1);
      else await take(folder, entry, isRepositoryName(repository, { older: true }) ? { repository } : {});
    }
  };

  const top = await entriesOf(directory);
  const has = (name: string) => top.some((entry) => entry.name === name && entry.isDirectory());
  const [folder, inside] = has("private")
    ? [join(directory, "private"), await entriesOf(join(directory, "private"))]
    : [directory, top];
  for (const entry of inside) {
    if (entry.isDirectory() && entry.name === "tuf_keys") await below(join(folder, entry.name), "", 0);
    else if (entry.isDirectory() && entry.name === "root_keys") {
      const roots = join(folder, entry.name);
      for (const each of await entriesOf(roots)) await take(roots, each, { role: "root" });
    } else await take(folder, entry, {});
  }
  if (files.length > mostFiles) throw tooMany(directory);
  return { folder, files, faults };
}

/** `<key ID>.key`, or `<key ID>_<role>.key`; any other name says nothing. */
function saidByName(name: string): SaidOfKey {
  const [, id = "", role] = /^([0-9a-f]*)(?:_(.+))?$/s.exec(name.slice(0, -ending.length)) ?? [];
  if (!isHex(id, 32)) return {};
  return role !== undefined && isRole(role) ? { id, role } : { id };
}

async function readFolder(folder: string): Promise<readonly Dirent[]> {
  try {
    const found = await readdir(folder, { withFileTypes: true });
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
    throw new KeyError(
      "KEY_FILE_UNREADABLE",
      `The folder ${folder} cannot be read (${code}): check its rights, or copy it to where you may read it.`,
      cause,
    );
  }
}

/** Undefined for a file, or a link to one. */
async function whyNoFile(path: string, entry: Dirent): Promise<KeyError | undefined> {
  if (entry.isFile()) return undefined;
  if (!entry.isSymbolicLink()) {
    const what = entry.isDirectory() ? "a folder" : "neither a file nor a folder";
    return new KeyError(
      "KEY_FILE_UNREADABLE",
      `${path} has the name of a key's file and is ${what}: if keys lie in there, name it by itself.`,
    );
  }
  try {
    if ((await stat(path)).isFile()) return undefined;
  } catch {
    // It leads nowhere, or round in a circle.
  }
  return new KeyError(
    "KEY_FILE_UNREADABLE",
    `${path} is a link that leads to no file: put the file that was meant in its place.`,
  );
}

/** A fault of a file that is named after a key may be why that key is missed. */
function aboutName(fault: KeyError, path: string): KeyError {
  const { id } = saidByName(basename(path));
  return new KeyError(fault.code, fault.message, fault.cause, id === undefined ? undefined : [id]);
}

function tooMany(directory: string): KeyError {
  return new KeyError(
    "KEY_FILE_UNREADABLE",
    `${directory} holds more than ${mostFiles} keys, or folders without end: name one folder of it.`,
  );
}
