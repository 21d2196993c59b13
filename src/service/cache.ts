/**
 * Current files ready to be served, and files by digest and version: what makes a read a look-up.
 *
 * Invariants
 * - A repository's current files change all at once, in one synchronous step, after the commit that made them and
 *   before its answer: a read after the answer sees them.
 * - What was loaded may be of the past by then: it is held against where its repository stands before it is served for
 *   the first time from here. A current file comes with its revision, one by version or digest with its incarnation, both of
 *   one read.
 * - Once anybody else has changed the store, nothing is served before it was held against where its repository stands:
 *   current files against the revision, files by digest and version against the incarnation. What still stands stays,
 *   so that a publication costs the other repositories one look-up each and not their files.
 * - The whole is bounded by bytes; what is least recently used goes first.
 */
import { LRUCache } from "lru-cache";
import type { Standing, Store } from "../store/contract/store.ts";
import type { ServedFile } from "./served.ts";
import { compressibleFrom } from "./service.ts";

/** The current files known of one repository at one revision. */
interface Current {
  readonly revision: number;
  readonly files: ReadonlyMap<string, ServedFile>;
  /** The store's `changesElsewhere` when this was last known to be of the present. */
  seen: number;
}

interface Immutable {
  readonly repository: string;
  readonly incarnation: number;
  readonly file: ServedFile;
  seen: number;
}

/** What was just put in is looked at once, whatever has been committed since it was read. */
const unseen = Number.NaN;

/** Weight of an entry beside its bytes. */
const overhead = 512;

export class ReadCache {
  readonly #current: LRUCache<string, Current>;
  readonly #immutable: LRUCache<string, Immutable>;
  readonly #store: Pick<Store, "changesElsewhere" | "standing">;

  /** @param bytes the bound of both parts together; current files get half of it */
  constructor(bytes: number, store: Pick<Store, "changesElsewhere" | "standing">) {
    this.#store = store;
    this.#current = new LRUCache({
      maxSize: Math.ceil(bytes / 2),
      sizeCalculation: ({ files }) => [...files.values()].reduce((sum, file) => sum + weight(file), overhead),
    });
    this.#immutable = new LRUCache({
      maxSize: Math.ceil(bytes / 2),
      sizeCalculation: ({ file }) => weight(file),
    });
  }

  current(repository: string, role: string): ServedFile | undefined {
    const known = this.#current.get(repository);
    if (known === undefined) return undefined;
    if (this.#stands(repository, known, ({ revision }) => revision === known.revision)) {
      return known.files.get(role);
    }
    this.#current.delete(repository);
    return undefined;
  }

  /** The current files that are known, for a verdict: none unless the store, asked now, still is at their revision. */
  certain(repository: string): ReadonlyMap<string, ServedFile> {
    const known = this.#current.get(repository);
    if (known === undefined || this.#store.standing(repository).revision !== known.revision) return new Map();
    return known.files;
  }

  immutable(key: string): ServedFile | undefined {
    const known = this.#immutable.get(key);
    if (known === undefined) return undefined;
    const { repository, incarnation } = known;
    if (this.#stands(repository, known, (now) => now.exists && now.incarnation === incarnation)) {
      return known.file;
    }
    this.#immutable.delete(key);
    return undefined;
  }

  /** `revision`: at which the file is current, of the same read. */
  keepCurrent(repository: string, { revision }: Pick<Standing, "revision">, file: ServedFile): void {
    const known = this.#current.get(repository);
    if (known !== undefined && known.revision > revision) return;
    const files = new Map(known?.revision === revision ? known.files : undefined).set(file.role, file);
    this.#put(repository, revision, files);
  }

  /** `incarnation`: to which the file belongs, of the same read. */
  keepImmutable(
    repository: string,
    key: string,
    { incarnation }: Pick<Standing, "incarnation">,
    file: ServedFile,
  ): void {
    this.#immutable.set(key, { repository, incarnation, file, seen: unseen });
  }

  /** The repository moved to a revision: these files are new, the others as they were. */
  advance(repository: string, revision: number, changed: readonly ServedFile[]): void {
    const known = this.#current.get(repository);
    if (known !== undefined && known.revision >= revision) return;
    const files = new Map(known?.revision === revision - 1 ? known.files : undefined);
    for (const file of changed) files.set(file.role, file);
    this.#put(repository, revision, files);
  }

  /** The repository is gone, or what is known of it is in doubt. */
  forget(repository: string): void {
    this.#current.delete(repository);
    for (const [key, known] of this.#immutable.entries()) {
      if (known.repository === repository) this.#immutable.delete(key);
    }
  }

  #put(repository: string, revision: number, files: ReadonlyMap<string, ServedFile>): void {
    this.#current.set(repository, { revision, files, seen: unseen });
  }

  /** The number is read first: a commit between the two moves it again, and the next read looks again. */
  #stands(repository: string, known: { seen: number }, isPresent: (now: Standing) => boolean): boolean {
    const now = this.#store.changesElsewhere();
    if (known.seen === now) return true;
    if (!isPresent(this.#store.standing(repository))) return false;
    known.seen = now;
    return true;
  }
}

/** A large file has room for its compressed form, which is never larger and lives as long as the file is kept. */
function weight({ bytes }: ServedFile): number {
  return bytes.length * (bytes.length >= compressibleFrom ? 2 : 1) + overhead;
}
