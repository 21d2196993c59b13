/** Taking over repositories that were made elsewhere, as the HTTP layer sees it. */
import type { Principal } from "../principal.ts";

export interface ImportRequest {
  /** Where it was taken from, for the record; at most 4,096 characters. */
  readonly origin: string;
  /** All that are to be had, ascending. */
  readonly roots: readonly Buffer[];
  /** The current file of every other role that there is. */
  readonly files: ReadonlyMap<string, Buffer>;
  /** Everything is verified and compared as it would be, and nothing changed. */
  readonly dryRun: boolean;
}

export interface PastRequest {
  readonly incarnation: number;
  /** Timestamps with what they lead to; what is stored already may be left out. */
  readonly files: readonly { readonly role: string; readonly bytes: Buffer }[];
}

export interface Imported {
  /** False: it was here, the same to the byte. After a dry run: what would be, and the revision and life that are there. */
  readonly changed: boolean;
  readonly revision: number;
  readonly incarnation: number;
  readonly remarks: readonly { readonly code: string; readonly role: string }[];
}

/** What is here of a repository, for whoever brings the rest. */
export interface ImportStanding {
  readonly exists: boolean;
  readonly revision: number;
  readonly incarnation: number;
  readonly current: ReadonlyMap<string, { readonly version: number; readonly sha256: string }>;
  /** The newest import of this life. */
  readonly imported: { readonly at: number; readonly origin: string } | undefined;
  /** Whether its online roles are renewed and publications taken here. */
  readonly adopted: boolean;
}

export interface VersionHere {
  readonly version: number;
  readonly sha256: string;
}

export interface ImportService {
  standing(repository: string): Promise<ImportStanding>;

  /** What is stored of a role, versions ascending, strictly after `after`; at most `limit` (1 … 1000). */
  versions(repository: string, role: string, after: number, limit: number): Promise<readonly VersionHere[]>;

  /**
   * The whole of the present, in one change, or nothing. A repository that was taken over before and not adopted since is brought
   * further. Throws what `takeCollection` throws, refusals of pins, and `IMPORT_CONFLICT`: it exists here with another
   * history, is held here, or had a life that got further.
   */
  take(repository: string, request: ImportRequest, principal: Principal): Promise<Imported>;

  /**
   * Sets of the past, all or none; resolves to how many files were not here. Throws what `pastUnder` throws, `NOT_FOUND` if there
   * is no such imported life, `IMPORT_CONFLICT` if a version is here with other bytes, `BAD_REQUEST` if a file belongs to no set.
   */
  addPast(
    repository: string,
    request: PastRequest,
    principal: Principal,
  ): Promise<{ readonly added: number }>;
}
