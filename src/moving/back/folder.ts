/**
 * A folder that repositories are written to, and read from again (`folder-source.ts`): each file under the path by which a Notary serves it,
 * `v2/NAME/_trust/tuf/2.root.json`, by version, by checksum and as current file.
 *
 * - Files that have names of their own come first, then the current ones all at once: whoever reads the folder reads what was before or
 *   what comes after. Only a crash between two of them leaves some of each, which no reader takes; then the export is run again.
 * - Nothing is written into a folder that holds something else, and nothing of another history is replaced.
 * - Every file is there under its checksum, too. One that is not was damaged or put there by somebody else, and is called so: it is
 *   no other history.
 */
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeFolder } from "../../client/files/make-folder.ts";
import { replaceFiles } from "../../client/files/replace-file.ts";
import { sha256Hex } from "../../core/bytes.ts";
import type { FormatRules } from "../../core/format/format.ts";
import type { Metadata } from "../../core/model.ts";
import type { Collection } from "../../core/taking-over.ts";
import type { Destination } from "../destination.ts";
import { BackError } from "../errors.ts";
import { format, isExport, isMissing, marker, pathOf } from "./folder-source.ts";
import { type Older, refuseOtherHistory, type Stored } from "./history.ts";

const open = 0o644;

export interface FolderPlace {
  readonly folder: string;
  readonly rules: FormatRules;
  /** Versions of this server. */
  older(repository: string): Older;
}

/** Throws `EXPORT_PLACE` if something else is in the folder. Nothing is made before the first repository is taken. */
export async function folderDestination({ folder, rules, older }: FolderPlace): Promise<Destination> {
  await refuseOtherFolder(folder);
  const bytesOf = (repository: string, name: string) => read(pathOf(folder, repository, name));

  /** Whether an export has written these bytes. */
  async function isIntact(repository: string, role: string, bytes: Buffer): Promise<boolean> {
    return (await bytesOf(repository, `${role}.${sha256Hex(bytes)}.json`))?.equals(bytes) === true;
  }

  function damaged(repository: string, name: string): BackError {
    return new BackError(
      "EXPORT_DAMAGED",
      `${pathOf(folder, repository, name)} is not as an export has written it: move the folder ${pathOf(folder, repository, "")} away and export ${repository} again, which writes all of it anew.`,
    );
  }

  /** Throws `EXPORT_DAMAGED`. */
  async function currentOf(repository: string): Promise<ReadonlyMap<string, Stored>> {
    const current = new Map<string, Stored>();
    const place = pathOf(folder, repository, "");
    for (const role of await currentNames(place)) {
      const name = `${role}.json`;
      const bytes = await bytesOf(repository, name);
      if (bytes === undefined) continue;
      if (!(await isIntact(repository, role, bytes))) throw damaged(repository, name);
      const { version } = rules.parse(role, bytes).signed;
      current.set(role, { role, version, sha256: sha256Hex(bytes) });
    }
    return current;
  }

  /** What is there under its version. Throws `EXPORT_DAMAGED`, and `EXPORT_CONFLICT` where that is no server's to make. */
  async function byVersion(
    repository: string,
    { role, bytes, signed }: Metadata,
  ): Promise<Buffer | undefined> {
    const name = `${signed.version}.${role}.json`;
    const there = await bytesOf(repository, name);
    if (there === undefined || there.equals(bytes)) return there;
    if (!(await isIntact(repository, role, there))) throw damaged(repository, name);
    // What another server made of the same version stays under its checksum alone.
    if (role === "timestamp" || role === "snapshot") return there;
    throw new BackError(
      "EXPORT_CONFLICT",
      `${pathOf(folder, repository, name)} is of another history than the ${role} ${signed.version} that is here: find out with the owner of ${repository} which of both goes on, or export into another folder.`,
    );
  }

  /** Under its version and its checksum. */
  async function put(repository: string, file: Metadata): Promise<boolean> {
    const { role, bytes, sha256, signed } = file;
    const known = [
      [`${role}.${sha256}.json`, await bytesOf(repository, `${role}.${sha256}.json`)],
      [`${signed.version}.${role}.json`, await byVersion(repository, file)],
    ] as const;
    const missing = known.filter(([, there]) => there?.equals(bytes) !== true);
    for (const [name] of missing) await write(pathOf(folder, repository, name), bytes);
    return missing.length > 0;
  }

  /** Throws what is not to be taken. */
  async function isThere(repository: string, collection: Collection): Promise<boolean> {
    const current = await currentOf(repository);
    await refuseOtherHistory(repository, collection, [...current.values()], older(repository));
    let isWhole = [...collection.roots.slice(-1), ...collection.files].every(
      ({ role, sha256 }) => current.get(role)?.sha256 === sha256,
    );
    for (const file of [...collection.roots, ...collection.files]) {
      if ((await byVersion(repository, file))?.equals(file.bytes) !== true) isWhole = false;
    }
    return isWhole;
  }

  return {
    origin: folder,
    async standing(repository) {
      return { exists: (await currentOf(repository)).size > 0, adopted: false };
    },
    async versions(repository, role) {
      const found = new Map<number, string>();
      for (const name of await entries(pathOf(folder, repository, ""))) {
        const version = /^([1-9][0-9]{0,9})\.(.+)\.json$/.exec(name);
        if (version?.[2] !== role) continue;
        const bytes = await bytesOf(repository, name);
        // What was damaged is brought once more.
        if (bytes === undefined || !(await isIntact(repository, role, bytes))) continue;
        found.set(Number(version[1]), sha256Hex(bytes));
      }
      return found;
    },
    async take(repository, origin, collection, dryRun) {
      if (await isThere(repository, collection)) return { changed: false, incarnation: 1 };
      if (dryRun) return { changed: true, incarnation: 1 };
      await write(join(folder, marker), Buffer.from(`${JSON.stringify({ format, origin }, null, 2)}\n`));
      const { roots, files } = collection;
      for (const file of [...roots, ...files]) await put(repository, file);
      await replace(
        [...roots.slice(-1), ...files].map(({ role, bytes }) => [
          pathOf(folder, repository, `${role}.json`),
          bytes,
        ]),
      );
      return { changed: true, incarnation: 1 };
    },
    async addPast(repository, _incarnation, files) {
      let added = 0;
      for (const file of files) if (await put(repository, file)) added++;
      return added;
    },
  };
}

/** Roles that have a current file. */
async function currentNames(place: string): Promise<string[]> {
  const names = new Set(["root", "timestamp", "snapshot", "targets"]);
  const delegations = async (within: string): Promise<void> => {
    for (const name of await entries(join(place, within))) {
      if (/^[-a-z0-9_]+\.json$/.test(name)) names.add(`${within}/${name.slice(0, -5)}`);
      else if (/^[-a-z0-9_]+$/.test(name) && within.length < 255) await delegations(`${within}/${name}`);
    }
  };
  await delegations("targets");
  return [...names];
}

async function entries(place: string): Promise<string[]> {
  try {
    return await readdir(place);
  } catch (error) {
    if (isMissing(error)) return [];
    throw unusable(place, error);
  }
}

async function refuseOtherFolder(folder: string): Promise<void> {
  // What is left of an export that was killed at its beginning is nobody's.
  const others = (await entries(folder)).filter((name) => !/^\.[0-9a-f]{16}\.tmp$/.test(name));
  if (others.length === 0 || (await isExport(folder))) return;
  throw new BackError(
    "EXPORT_PLACE",
    others.includes(marker)
      ? `${join(folder, marker)} is not as an export has written it, so nobody knows what the folder holds: name a new one.`
      : `The folder ${folder} holds something else: name a new one, or one of an earlier export.`,
  );
}

async function read(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw unusable(path, error);
  }
}

async function write(path: string, bytes: Buffer): Promise<void> {
  await replace([[path, bytes]]);
}

async function replace(files: readonly (readonly [path: string, bytes: Buffer])[]): Promise<void> {
  try {
    for (const folder of new Set(files.map(([path]) => dirname(path)))) await makeFolder(folder, 0o777);
    await replaceFiles(files, open);
  } catch (error) {
    throw unusable(files[0]?.[0] ?? "", error);
  }
}

function unusable(path: string, cause: unknown): BackError {
  const { code = "unknown error" } = cause as NodeJS.ErrnoException;
  return new BackError(
    "EXPORT_PLACE",
    `${path} cannot be written or read (${code}): check rights and free space, and run it again.`,
    cause,
  );
}
