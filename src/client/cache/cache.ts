/**
 * What this client trusted last, on disk: so that versions never go back, and so that unchanged files are not fetched
 * again.
 *
 * Invariants
 * - Nothing here is believed because it is here: every file is verified again when it is read, like one from the network.
 *   What the cache adds are floors: versions below which nothing is accepted.
 * - One repository at one server has one folder, named after a hash of both; names from outside never are file names.
 * - `state.json` is replaced as a whole and names everything else by digest. A crash leaves the old or the new one.
 * - Two processes at once: whoever commits second keeps what is newer. A state never goes back, whoever comes last.
 * - What cannot be read again is not written. A state that cannot be read is `CACHE_DAMAGED` and not passed over, since with it the floors would be gone. A file of
 *   targets that is missing or damaged is only fetched again: its version and digest are in the state.
 */
import { isUtf8 } from "node:buffer";
import { createHash } from "node:crypto";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { sha256Hex } from "../../core/bytes.ts";
import { TrustError } from "../errors.ts";
import { makeFolder } from "../files/make-folder.ts";
import { readAtMost } from "../files/read-file.ts";
import { replaceCheckedFile, replaceFile } from "../files/replace-file.ts";
import { isLeftover, withLock } from "./lock.ts";
import {
  type CachedState,
  type CacheKey,
  encodeState,
  isReadable,
  joined,
  keyOfState,
  readState,
} from "./state.ts";

export interface Origins {
  /** The state that the new one was made from; what somebody else has added to it since is kept. */
  readonly base: CachedState | undefined;
  /** Bytes of files of targets that the state names, by role. Those that are in the cache already may be left out. */
  readonly files: ReadonlyMap<string, Buffer>;
}

export interface Cache {
  /** The file that holds the state, for messages. */
  fileOf(key: CacheKey): string;
  /**
   * What the state is told apart by from every other that was in its place, without being read; undefined if there is
   * none. Throws `CACHE_UNUSABLE`.
   */
  stamp(key: CacheKey): Promise<string | undefined>;
  /** The last state, or undefined if there is none. Throws `CACHE_DAMAGED`, `CACHE_UNUSABLE`. */
  load(key: CacheKey): Promise<CachedState | undefined>;
  /** A file of targets by its digest, or undefined if it is not there whole. */
  targets(key: CacheKey, sha256: string): Promise<Buffer | undefined>;
  /**
   * Makes a state the last one, unless a newer one is there; versions that either has seen are kept in both cases.
   * Durable when it returns. Throws `CACHE_UNUSABLE`, `CACHE_DAMAGED`.
   */
  commit(key: CacheKey, state: CachedState, origins: Origins): Promise<void>;
  /** Every state that cannot be read, as an error that names its file. */
  faults(): Promise<readonly TrustError[]>;
  /** Forgets a repository, floors included. */
  forget(key: CacheKey): Promise<void>;
}

const layout = "v1";
const stateFile = "state.json";
/** Also of a file of targets: a larger one is fetched every time. */
const largest = 64 * 1_048_576;

export function diskCache(directory: string): Cache {
  const folderOf = ({ server, repository }: CacheKey): string =>
    join(directory, layout, createHash("sha256").update(`${server}\n${repository}`).digest("hex"));

  const fileOf = (key: CacheKey): string => join(folderOf(key), stateFile);

  async function load(key: CacheKey): Promise<CachedState | undefined> {
    const path = fileOf(key);
    const bytes = await usable(directory, () => readIfThere(path));
    if (bytes === "missing") return undefined;
    if (bytes === undefined || !isUtf8(bytes)) throw unreadable(path);
    return readState(bytes.toString("utf8"), path, key);
  }

  return {
    fileOf,
    stamp: (key) => usable(directory, () => stampOf(fileOf(key))),
    load,

    async targets(key, sha256) {
      const bytes = await usable(directory, () => readIfThere(join(folderOf(key), `${sha256}.json`)));
      return bytes instanceof Buffer && sha256Hex(bytes) === sha256 ? bytes : undefined;
    },

    commit: (key, next, { base, files }) =>
      usable(directory, async () => {
        const folder = folderOf(key);
        await makeFolder(folder, 0o700);
        await withLock(join(folder, "lock"), async (held) => {
          const present = await load(key);
          const state = present === undefined ? next : joined(present, next, base);
          if (state === present) return;
          const text = Buffer.from(encodeState(key, state), "utf8");
          // Whoever holds the online keys could otherwise have the floors thrown away as a damage.
          if (text.length > largest || !isReadable(state)) {
            throw new TrustError("CACHE_UNUSABLE", "The repository's state is too large for the cache.", {
              file: directory,
            });
          }
          for (const [role, { sha256 }] of state.targets) {
            const bytes = files.get(role);
            if (bytes !== undefined && sha256Hex(bytes) === sha256)
              await replaceCheckedFile(join(folder, `${sha256}.json`), bytes);
          }
          await replaceFile(join(folder, stateFile), text, undefined, held);
          await sweep(folder, state);
        });
      }),

    faults: () =>
      usable(directory, async () => {
        const faults: TrustError[] = [];
        for (const name of await namesIn(join(directory, layout))) {
          const path = join(directory, layout, name, stateFile);
          const bytes = await readIfThere(path);
          if (bytes === "missing") continue;
          try {
            if (bytes === undefined || !isUtf8(bytes)) throw unreadable(path);
            const text = bytes.toString("utf8");
            readState(text, path, keyOfState(text, path));
          } catch (error) {
            if (!(error instanceof TrustError)) throw error;
            faults.push(error);
          }
        }
        return faults;
      }),

    forget: (key) =>
      usable(directory, async () => {
        const folder = folderOf(key);
        await makeFolder(folder, 0o700);
        await withLock(join(folder, "lock"), async (held) => {
          await held();
          for (const name of await readdir(folder)) {
            if (name.endsWith(".json")) await rm(join(folder, name), { force: true });
          }
        });
      }),
  };
}

/** Removes files of targets that the state does not name, and what writers left behind that were killed. */
async function sweep(folder: string, { targets }: CachedState): Promise<void> {
  const named = new Set([...targets.values()].map(({ sha256 }) => `${sha256}.json`));
  for (const name of await readdir(folder)) {
    if (/^(?:[0-9a-f]{64}\.json|\.[0-9a-f]{16}\.tmp)$/.test(name) && !named.has(name))
      await rm(join(folder, name), { force: true });
    else if (name.startsWith("lock.") && (await isLeftover(join(folder, name))))
      await rm(join(folder, name), { recursive: true, force: true });
  }
}

function unreadable(file: string): TrustError {
  return new TrustError("CACHE_DAMAGED", "The cached state is too large, or no text.", { file });
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Whoever replaces a file gives it another inode, and one that is given again has another time. */
async function stampOf(path: string): Promise<string | undefined> {
  try {
    const { ino, mtimeNs, ctimeNs, size } = await stat(path, { bigint: true });
    return [ino, mtimeNs, ctimeNs, size].join();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Undefined: it is too large. */
async function readIfThere(path: string): Promise<Buffer | "missing" | undefined> {
  try {
    return await readAtMost(path, largest);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "missing";
    throw error;
  }
}

/** Runs what touches the disk; whatever the disk says is `CACHE_UNUSABLE`. */
async function usable<T>(directory: string, task: () => Promise<T>): Promise<T> {
  try {
    return await task();
  } catch (cause) {
    if (cause instanceof TrustError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
    throw new TrustError("CACHE_UNUSABLE", `The cache directory cannot be used (${code}).`, {
      file: directory,
      cause,
    });
  }
}
