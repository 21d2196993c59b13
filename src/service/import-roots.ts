/** Older roots of a repository whose chain began late when it was taken over: clients that trust an older one follow by them. */
import type { Logger } from "pino";
import { StoreError } from "../core/errors.ts";
import type { Metadata } from "../core/model.ts";
import type { RepositoryState, Store } from "../store/store.ts";
import { recordOf } from "./audit-record.ts";
import type { ReadCache } from "./cache.ts";
import { conflict } from "./import-past.ts";
import type { Principal } from "./principal.ts";
import { newMetadata } from "./served.ts";

interface Parts {
  readonly store: Store;
  readonly cache: ReadCache;
  readonly logger: Logger;
}

/** Versions that a record names. */
const mostTold = 100;

/** @param roots a chain that was verified up to a root that is stored */
export async function missingRoots(
  { store }: Pick<Parts, "store">,
  repository: string,
  roots: readonly Metadata[],
): Promise<readonly Metadata[]> {
  if ((await store.imports.last(repository)) === undefined) return [];
  const missing: Metadata[] = [];
  for (const root of roots) {
    if ((await store.byVersion(repository, "root", root.signed.version)) === undefined) missing.push(root);
  }
  return missing;
}

/** Throws `IMPORT_CONFLICT`. */
export async function addRoots(
  { store, cache, logger }: Parts,
  { repository, incarnation }: RepositoryState,
  roots: readonly Metadata[],
  principal: Principal,
  at: number,
): Promise<void> {
  const versions = roots.map(({ signed }) => signed.version).slice(0, mostTold);
  const detail = { incarnation, sent: roots.length, roots: versions };
  const audit = recordOf({ at, principal, kind: "import.past-added", repository, detail });
  try {
    const files = roots.map(newMetadata);
    await store.imports.addHistory({ repository, incarnation, at, principal: principal.name, files, audit });
    logger.info({ repository, principal: principal.name, roots: versions }, "older roots taken over");
  } catch (error) {
    if (error instanceof StoreError && error.code === "CONFLICT") {
      throw conflict("has moved on, or keeps other bytes of a version: read it again", error);
    }
    throw error;
  } finally {
    cache.forget(repository);
  }
}
