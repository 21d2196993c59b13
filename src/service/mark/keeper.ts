/**
 * Keeps the high-water mark behind a store: what was committed is written down within a second, many commits in one
 * write.
 *
 * A commit never waits for the mark and never fails with it. While the mark cannot be written, what it lacks is kept,
 * one entry a repository, tried again, and said in the log.
 */
import type { Logger } from "pino";
import { type HighWaterMark, type MarkEntry, mergeEntries, type Position } from "../../store/mark.ts";
import type { Publication, Store } from "../../store/store.ts";

/** From a commit to its write, in milliseconds. */
const delay = 250;
/** After a write that failed. */
const pause = 1_000;

export interface MarkedStore {
  /** The same store; its commits are marked, and closing it closes the mark first. */
  readonly store: Store;
  /** Age in milliseconds of the oldest commit that the mark lacks; 0 when it lacks none. */
  readonly lag: () => number;
}

/** `missing`: what is committed already, and the mark does not have. */
export function keepMark(
  store: Store,
  mark: HighWaterMark,
  logger: Logger,
  missing: Iterable<MarkEntry> = [],
): MarkedStore {
  const keeper = new MarkKeeper(store, mark, logger);
  for (const entry of missing) keeper.note(entry);
  const marked: Store = {
    ...store,
    async commit(publication) {
      const committed = await store.commit(publication);
      keeper.note({
        ...committed,
        repository: publication.repository,
        exists: true,
        roles: rolesOf(publication),
      });
      return committed;
    },
    async remove(request) {
      const existed = await store.remove(request);
      if (existed) {
        const { repository, revision, incarnation } = await store.state(request.repository);
        keeper.note({ repository, revision, incarnation, exists: false, roles: new Map() });
      }
      return existed;
    },
    async close() {
      await keeper.close();
      await store.close();
    },
  };
  return { store: marked, lag: () => keeper.lag() };
}

function rolesOf({ metadata }: Publication): MarkEntry["roles"] {
  return new Map(metadata.map(({ role, version, sha256 }) => [role, { version, sha256 }]));
}

/** Where the store stands. Undefined: nothing was ever committed. */
export async function newestChange(store: Store): Promise<Position | undefined> {
  return (await store.changes({ direction: "backwards", limit: 1 })).at(-1);
}

class MarkKeeper {
  readonly #store: Store;
  readonly #mark: HighWaterMark;
  readonly #logger: Logger;
  #noted = new Map<string, MarkEntry>();
  /** Since when the oldest of what is noted waits, and of what is being written; undefined: nothing is. */
  #notedSince: number | undefined;
  #writtenSince: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #closed = false;
  #failing = false;

  constructor(store: Store, mark: HighWaterMark, logger: Logger) {
    this.#store = store;
    this.#mark = mark;
    this.#logger = logger;
  }

  note(entry: MarkEntry): void {
    this.#noted.set(entry.repository, mergeEntries(this.#noted.get(entry.repository), entry));
    this.#notedSince ??= performance.now();
    this.#writeIn(delay);
  }

  lag(): number {
    const since = this.#writtenSince ?? this.#notedSince;
    return since === undefined ? 0 : performance.now() - since;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#writing;
    if (this.#noted.size > 0) await this.#write();
    await this.#mark.close();
  }

  #writeIn(milliseconds: number): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#writing = this.#writing.then(() => this.#write());
    }, milliseconds);
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    const entries = this.#noted;
    this.#noted = new Map();
    this.#writtenSince = this.#notedSince;
    this.#notedSince = undefined;
    try {
      // What this covers was noted before: a commit is noted in the turn that answers it.
      await this.#mark.append(entries.values(), await newestChange(this.#store));
      if (this.#failing) this.#logger.info("the high-water mark is written again");
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) {
        this.#logger.error(
          { err: error },
          "THE HIGH-WATER MARK CANNOT BE WRITTEN: commits that are lost from now on may go unnoticed; trying again",
        );
      }
      this.#failing = true;
      for (const [name, later] of this.#noted) entries.set(name, mergeEntries(entries.get(name), later));
      this.#noted = entries;
      this.#notedSince = this.#writtenSince;
      this.#writeIn(pause);
    } finally {
      this.#writtenSince = undefined;
    }
  }
}
