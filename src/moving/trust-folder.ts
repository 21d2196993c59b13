/**
 * What clients kept: `~/.docker/trust`, `~/.notary`, and the `tuf` folder in either, also by the name of `~/.docker`. A client keeps the newest file of each role that
 * it trusted, and no older root; several of them together may have a chain.
 *
 * Nothing is written here, and nothing but `metadata/*.json` is read: neither keys nor what is staged. Bounded in depth, number and
 * size of files. Links are not followed.
 */
import { opendir, readFile, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { isRole } from "../core/names.ts";
import { SourceError } from "./errors.ts";

/** One client's files of one repository. */
export interface Kept {
  /** As the folders are called: it may be a name that no repository has here. */
  readonly repository: string;
  /** The folder that was named. */
  readonly folder: string;
  readonly files: ReadonlyMap<string, Buffer>;
  /** Metadata that is there and was not read, with the reason. */
  readonly unread: ReadonlyMap<string, string>;
}

const mostEntries = 1_000_000;
const deepest = 32;
const largestFile = 16 * 1_024 * 1_024;
const mostFiles = 5_000;

/**
 * Throws `SOURCE_UNREACHABLE` if the folder cannot be read, `SOURCE_ENDLESS`.
 * @param room bytes that may still be read, of this folder and of others with it
 */
export async function* keptIn(folder: string, room: { bytes: number }): AsyncGenerator<Kept> {
  const root = await placeOf(folder);
  let left = mostEntries;
  yield* below(root, 0);

  async function* below(place: string, depth: number): AsyncGenerator<Kept> {
    for (const { name, isMetadata } of await folders(place)) {
      if (depth > deepest) throw endless(folder);
      const next = join(place, name);
      if (!isMetadata) yield* below(next, depth + 1);
      else {
        const repository = relative(root, place).split(sep).join("/");
        // That of the folder itself, which was named a step too deep.
        if (repository === "") continue;
        const kept = await metadataIn(next);
        if (kept.files.size + kept.unread.size > 0) yield { repository, folder, ...kept };
      }
    }
  }

  async function folders(place: string): Promise<{ name: string; isMetadata: boolean }[]> {
    const found: { name: string; isMetadata: boolean }[] = [];
    try {
      for await (const entry of await opendir(place)) {
        if (left-- <= 0) throw endless(folder);
        if (entry.isDirectory()) found.push({ name: entry.name, isMetadata: entry.name === "metadata" });
      }
    } catch (error) {
      if (error instanceof SourceError) throw error;
      throw unreadable(place, error);
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async function metadataIn(place: string) {
    const files = new Map<string, Buffer>();
    const unread = new Map<string, string>();
    const read = async (within: string, prefix: string): Promise<void> => {
      for await (const entry of await opendir(within)) {
        if (left-- <= 0 || files.size > mostFiles) throw endless(folder);
        const path = join(within, entry.name);
        if (entry.isDirectory() && prefix.length < 255) await read(path, `${prefix}${entry.name}/`);
        else if (entry.name.endsWith(".json")) {
          const role = `${prefix}${entry.name.slice(0, -5)}`;
          if (!isRole(role)) continue;
          if (!entry.isFile()) unread.set(role, "it is no regular file");
          else {
            const { size } = await stat(path);
            if (size > largestFile) unread.set(role, "it is larger than 16 MiB");
            else {
              room.bytes -= size;
              if (room.bytes < 0) throw tooMuch();
              files.set(role, await readFile(path));
            }
          }
        }
      }
    };
    try {
      await read(place, "");
    } catch (error) {
      if (error instanceof SourceError) throw error;
      throw unreadable(place, error);
    }
    return { files, unread };
  }
}

/** Where the names begin. */
async function placeOf(folder: string): Promise<string> {
  for (const place of [join(folder, "tuf"), join(folder, "trust", "tuf")])
    if (await isFolder(place)) return place;
  return folder;
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

function unreadable(place: string, cause: unknown): SourceError {
  return new SourceError(
    "SOURCE_UNREACHABLE",
    `The folder ${place} cannot be read: check its name and rights.`,
    cause,
  );
}

function tooMuch(): SourceError {
  return new SourceError("SOURCE_ENDLESS", "These folders hold more than 1 GiB: name fewer at a time.");
}

function endless(folder: string): SourceError {
  return new SourceError(
    "SOURCE_ENDLESS",
    `There is more in ${folder} than a client keeps: name the folder of one client.`,
  );
}
