/**
 * Current files ready to be served, and files by digest and version: what makes a read a look-up.
 *
 * Invariants
 * - A repository's current files change all at once, in one synchronous step, after the commit that made them and
 *   before its answer: a read after the answer sees them.
 * - A file that was being loaded while its repository changed is never put in (it may be of the past).
 * - Once another process has changed the store, nothing kept before that is served.
 * - The whole is bounded by bytes; what is least recently used goes first.
 */
import { LRUCache } from "lru-cache";
import type { ServedFile } from "./served.ts";
import { compressibleFrom } from "./service.ts";

/** The current files known of one repository at one revision. */
interface Current {
  readonly revision: number;
  readonly files: ReadonlyMap<string, ServedFile>;
}

/** Weight of an entry beside its bytes. */
const overhead = 512;

export class ReadCache {
  readonly #current: LRUCache<string, Current>;
  readonly #immutable: LRUCache<string, ServedFile>;
  /** Loads under way, by repository; a change of the repository empties its set. */
  readonly #loads = new Map<string, Set<symbol>>();

  readonly #changesElsewhere: () => number;
  #seenElsewhere: number;

  /**
   * @param bytes the bound of both parts together; current files get half of it
   * @param changesElsewhere the store's own (`Store.changesElsewhere`)
   */
  constructor(bytes: number, changesElsewhere: () => number) {
    this.#changesElsewhere = changesElsewhere;
    this.#seenElsewhere = changesElsewhere();
    this.#current = new LRUCache({
      maxSize: Math.ceil(bytes / 2),
      sizeCalculation: ({ files }) => [...files.values()].reduce((sum, file) => sum + weight(file), overhead),
    });
    this.#immutable = new LRUCache({ maxSize: Math.ceil(bytes / 2), sizeCalculation: weight });
  }

  current(repository: string, role: string): ServedFile | undefined {
    this.#forgetIfChangedElsewhere();
    return this.#current.get(repository)?.files.get(role);
  }

  immutable(key: string): ServedFile | undefined {
    this.#forgetIfChangedElsewhere();
    return this.#immutable.get(key);
  }

  /** Loads a file and keeps it, unless the repository changes meanwhile. `keep` stores it. */
  async load(
    repository: string,
    load: () => Promise<ServedFile | undefined>,
    keep: (file: ServedFile) => void,
  ): Promise<ServedFile | undefined> {
    const ticket = Symbol(repository);
    const tickets = this.#loads.get(repository) ?? new Set();
    this.#loads.set(repository, tickets.add(ticket));
    try {
      const file = await load();
      this.#forgetIfChangedElsewhere();
      if (file !== undefined && tickets.has(ticket)) keep(file);
      return file;
    } finally {
      tickets.delete(ticket);
      if (tickets.size === 0 && this.#loads.get(repository) === tickets) this.#loads.delete(repository);
    }
  }

  keepCurrent(repository: string, revision: number, file: ServedFile): void {
    const known = this.#current.get(repository);
    if (known !== undefined && known.revision !== revision) return;
    this.#current.set(repository, { revision, files: new Map(known?.files).set(file.role, file) });
  }

  keepImmutable(key: string, file: ServedFile): void {
    this.#immutable.set(key, file);
  }

  /** The repository moved to a revision: these files are new, the others as they were. */
  advance(repository: string, revision: number, changed: readonly ServedFile[]): void {
    this.#abandonLoads(repository);
    const known = this.#current.get(repository);
    if (known !== undefined && known.revision >= revision) return;
    const files = new Map(known !== undefined && known.revision === revision - 1 ? known.files : undefined);
    for (const file of changed) files.set(file.role, file);
    this.#current.set(repository, { revision, files });
  }

  /** The repository is gone, or what is known of it is in doubt. */
  forget(repository: string): void {
    this.#abandonLoads(repository);
    this.#current.delete(repository);
    const prefix = `${repository}\n`;
    for (const key of this.#immutable.keys()) if (key.startsWith(prefix)) this.#immutable.delete(key);
  }

  #forgetIfChangedElsewhere(): void {
    const now = this.#changesElsewhere();
    if (now === this.#seenElsewhere) return;
    this.#seenElsewhere = now;
    for (const tickets of this.#loads.values()) tickets.clear();
    this.#loads.clear();
    this.#current.clear();
    this.#immutable.clear();
  }

  #abandonLoads(repository: string): void {
    this.#loads.get(repository)?.clear();
    this.#loads.delete(repository);
  }
}

/** A large file has room for its compressed form, which is never larger and lives as long as the file is kept. */
function weight({ bytes }: ServedFile): number {
  return bytes.length * (bytes.length >= compressibleFrom ? 2 : 1) + overhead;
}
