/** What a store lacks of what its high-water mark knows. */

import type { RepositoryState, Store } from "../../store/contract/store.ts";
import type { HighWaterMark, MarkEntry, MarkedFile } from "../../store/mark.ts";

export interface LostFile extends MarkedFile {
  readonly role: string;
  /** The version that is current now; 0 if there is none. */
  readonly now: number;
}

/**
 * One repository that had got further than it stands. `files`: the newest of each role that are gone. `life`: a later
 * incarnation than the store knows is gone, or the whole name. `removal`: it had been removed, and is here again.
 */
export interface Behind {
  readonly kind: "files" | "life" | "removal";
  readonly repository: string;
  readonly marked: MarkEntry;
  readonly files: readonly LostFile[];
}

/** One after the other, in no order. */
export async function* findBehind(store: Store, mark: HighWaterMark): AsyncGenerator<Behind> {
  for await (const marked of mark.entries()) {
    const behind = await compare(store, marked, await store.state(marked.repository));
    if (behind !== undefined) yield behind;
  }
}

async function compare(store: Store, marked: MarkEntry, state: RepositoryState): Promise<Behind | undefined> {
  const { repository, incarnation } = marked;
  const all = [...marked.roles].map(([role, file]) => ({
    role,
    ...file,
    now: state.current.get(role)?.version ?? 0,
  }));
  if (state.incarnation < incarnation) return { kind: "life", repository, marked, files: all };
  // It was removed after it was marked, or lives another life since.
  if (state.incarnation > incarnation || !state.exists) return undefined;
  const files: LostFile[] = [];
  for (const file of all) if (!(await isStored(store, state, file))) files.push(file);
  if (!marked.exists) return { kind: "removal", repository, marked, files };
  return files.length === 0 ? undefined : { kind: "files", repository, marked, files };
}

async function isStored(
  store: Store,
  { repository, current }: RepositoryState,
  file: LostFile,
): Promise<boolean> {
  const { role, sha256 } = file;
  if (current.get(role)?.sha256 === sha256) return true;
  if ((await store.byDigest(repository, role, sha256)) !== undefined) return true;
  // Taken away is not lost: a later one had taken its place.
  return (await store.retention.removed(repository, role, sha256)) !== undefined;
}
