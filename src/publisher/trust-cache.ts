/**
 * What a stock client's trust directory knows of repositories (notary-protocol.md 7.1): `tuf/<name>/metadata/<role>.json`.
 *
 * Nothing is verified: it is what that client once believed, read to tell people which keys of theirs are for what. Names come
 * from folders, and files from whoever could write there; both are bounded, and links are not followed.
 */
import { opendir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { notary } from "../core/format/notary.ts";
import type { Metadata, Root, Signed, Targets } from "../core/model.ts";
import { isRepositoryName, isTargetsRole } from "../core/names.ts";
import type { KnownFiles } from "./keys/standing.ts";

/** With the root as that client had it, where what follows can begin. */
export interface CachedFiles extends KnownFiles {
  readonly rootBytes: Buffer;
}

const mostRepositories = 10_000;
const mostFolders = 200_000;
const deepest = 64;
const largest = 32 * 1_024 * 1_024;
const mostRoles = 1_000;

export interface TrustCache {
  readonly repositories: readonly CachedFiles[];
  /** Repositories whose files could not be read. */
  readonly unreadable: readonly string[];
}

/** A directory without a cache has none. */
export async function readTrustCache(trustDirectory: string): Promise<TrustCache> {
  const repositories: CachedFiles[] = [];
  const unreadable: string[] = [];
  const top = join(trustDirectory, "tuf");
  let seen = 0;
  const visit = async (folder: string, name: string, depth: number): Promise<void> => {
    if (++seen > mostFolders || depth > deepest || repositories.length >= mostRepositories) return;
    const names = await foldersIn(folder);
    if (name !== "" && names.includes("metadata") && isRepositoryName(name, { older: true })) {
      const known = await readRepository(join(folder, "metadata"), name);
      if (known === undefined) unreadable.push(name);
      else repositories.push(known);
    }
    for (const each of names.sort()) {
      if (each === "changelist" || each === "metadata") continue;
      await visit(join(folder, each), name === "" ? each : `${name}/${each}`, depth + 1);
    }
  };
  await visit(top, "", 0);
  return { repositories, unreadable };
}

async function readRepository(folder: string, repository: string): Promise<CachedFiles | undefined> {
  const root = await readRole<Root>(folder, "root");
  if (root === undefined) return undefined;
  const targets = new Map<string, Targets>();
  const queue = ["targets"];
  for (let role = queue.shift(); role !== undefined && targets.size < mostRoles; role = queue.shift()) {
    if (!isTargetsRole(role) || targets.has(role)) continue;
    const file = await readRole<Targets>(folder, role);
    if (file === undefined) continue;
    targets.set(role, file.signed);
    queue.push(...file.signed.delegations.map((each) => each.role));
  }
  return { repository, root: root.signed, rootBytes: root.bytes, targets };
}

/** Role names of files that were parsed have no way out of the folder. */
async function readRole<S extends Signed>(folder: string, role: string): Promise<Metadata<S> | undefined> {
  const path = join(folder, `${role}.json`);
  try {
    const { size } = await stat(path);
    if (size > largest) return undefined;
    return notary.parse(role, await readFile(path)) as Metadata<S>;
  } catch {
    return undefined;
  }
}

async function foldersIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of await opendir(folder)) if (entry.isDirectory()) names.push(entry.name);
  } catch {
    // There is none, or it is nobody's business.
  }
  return names;
}
