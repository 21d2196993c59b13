/**
 * Keeps the high-water mark behind a store: what was committed is written down within a second, many commits in one
 * write.
 *
 * What a change led to is taken from its answer, or looked up in the store where that does not tell: after a removal,
 * after a change of which nobody knows whether it happened, and at start for what the last process did not get to.
 *
 * A commit never waits for the mark and never fails with it. While the mark cannot be written, what it lacks is kept,
 * one entry a repository, tried again, and said in the log.
 */
import type { Logger } from "pino";
import type { Publication, Store } from "../../store/contract/store.ts";
import { type HighWaterMark, type MarkEntry, mergeEntries, type Position } from "../../store/mark.ts";
import { mayHaveHappened } from "../doubt.ts";

/** From a commit to its write, in milliseconds. */
const delay = 250;
/** After a write that failed. */
const pause = 1_000;
/** Names that one write looks up. */
const lookUpsAtOnce = 1_000;

export interface MarkedStore {
  /** The same store; its commits are marked, and closing it closes the mark first. */
  readonly store: Store;
  /** Age in milliseconds of the oldest change that the mark lacks; 0 when it lacks none. */
  readonly lag: () => number;
}

/** `missed`: names whose last changes may not be in the mark. */
export function keepMark(
  store: Store,
  mark: HighWaterMark,
  logger: Logger,
  missed: Iterable<string> = [],
): MarkedStore {
  const keeper = new MarkKeeper(store, mark, logger);
  for (const repository of missed) keeper.lookUp(repository);
  const marked: Store = {
    ...store,
    async commit(publication) {
      const { repository } = publication;
      const committed = await lookedUpInDoubt(repository, () => store.commit(publication));
      keeper.note({ ...committed, repository, exists: true, roles: rolesOf(publication) });
      return committed;
    },
    async remove(request) {
      const { repository } = request;
      const existed = await lookedUpInDoubt(repository, () => store.remove(request));
      // It may live again before this is read: then that is what the mark has to know.
      if (existed) keeper.lookUp(repository);
      return existed;
    },
    async close() {
      await keeper.close();
      await store.close();
    },
  };
  return { store: marked, lag: () => keeper.lag() };

  async function lookedUpInDoubt<T>(repository: string, change: () => Promise<T>): Promise<T> {
    try {
      return await change();
    } catch (error) {
      if (mayHaveHappened(error)) keeper.lookUp(repository);
      throw error;
    }
  }
}

function rolesOf({ metadata }: Publication): MarkEntry["roles"] {
  return new Map(metadata.map(({ role, version, sha256 }) => [role, { version, sha256 }]));
}

/** What the store says of a name. */
export async function entryOf(store: Store, name: string): Promise<MarkEntry> {
  const { repository, revision, incarnation, exists, current } = await store.state(name);
  return { repository, revision, incarnation, exists, roles: current };
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
  /** Names that changed to something that only the store knows. */
  #lookUps = new Set<string>();
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

  /** What the store says of it is marked, as it stands when it is written. */
  lookUp(repository: string): void {
    this.#lookUps.add(repository);
    this.#notedSince ??= performance.now();
    this.#writeIn(delay);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#writing;
    if (this.#isPending()) {
      do await this.#write();
      while (this.#isPending() && !this.#failing);
    }
    await this.#mark.close();
  }

  #writeIn(milliseconds: number): void {
    if (this.#closed) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#writing = this.#writing.then(() => this.#write());
    }, milliseconds);
  }

  #isPending(): boolean {
    return this.#noted.size + this.#lookUps.size > 0;
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    let entries = new Map<string, MarkEntry>();
    let names: readonly string[] = [];
    const add = (entry: MarkEntry) =>
      entries.set(entry.repository, mergeEntries(entries.get(entry.repository), entry));
    this.#writtenSince = this.#notedSince;
    this.#notedSince = undefined;
    try {
      // What this covers was noted before: a change is noted in the turn that answers it.
      const newest = await newestChange(this.#store);
      [entries, this.#noted] = [this.#noted, entries];
      names = [...this.#lookUps].slice(0, lookUpsAtOnce);
      for (const name of names) this.#lookUps.delete(name);
      const isAll = this.#lookUps.size === 0;
      for (const name of names) add(await entryOf(this.#store, name));
      await this.#mark.append(entries.values(), isAll ? newest : undefined);
      if (this.#failing) this.#logger.info("the high-water mark is written again");
      this.#failing = false;
      if (!isAll) {
        this.#notedSince = this.#writtenSince;
        this.#writeIn(0);
      }
    } catch (error) {
      if (!this.#failing) {
        this.#logger.error(
          { err: error },
          "THE HIGH-WATER MARK CANNOT BE WRITTEN: commits that are lost from now on may go unnoticed; trying again",
        );
      }
      this.#failing = true;
      for (const later of this.#noted.values()) add(later);
      this.#noted = entries;
      for (const name of names) this.#lookUps.add(name);
      this.#notedSince = this.#writtenSince;
      this.#writeIn(pause);
    } finally {
      this.#writtenSince = undefined;
    }
  }
}
