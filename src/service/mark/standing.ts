/**
 * At start: whether the store stands where its high-water mark says that it had been.
 *
 * One look into the changefeed tells: it is never rewritten and has a row for every commit, so a store that has the row
 * of the newest position has all that came before. A store that lacks it was restored from an older backup, lost
 * commits, or is another one. Publishing on it would give clients other files under versions that they have seen.
 */
import type { Logger } from "pino";
import type { Store } from "../../store/contract/store.ts";
import type { HighWaterMark, MarkEntry, Position } from "../../store/mark.ts";
import { findBehind } from "./behind.ts";
import { entryOf, keepMark, newestChange } from "./keeper.ts";

/** Names that a line of the log has. */
const mostNamed = 10;
/** Names of one question. */
const page = 200;

export interface Standing {
  /** Closing it closes the mark too. */
  readonly store: Store;
  /** True if the store is behind: nothing may be published then. */
  readonly behind: boolean;
  /** Age in milliseconds of the oldest commit that the mark lacks; 0 when it lacks none, or is only looked at. */
  readonly markLag: () => number;
}

export interface StandingOptions {
  readonly logger: Logger;
  /** The mark is only looked at. */
  readonly readOnly: boolean;
}

export async function takeStanding(
  store: Store,
  mark: HighWaterMark,
  { logger, readOnly }: StandingOptions,
): Promise<Standing> {
  const closing: Store = {
    ...store,
    async close() {
      await mark.close();
      await store.close();
    },
  };
  const verdict = await judge(store, mark);
  if (verdict === "behind") {
    await tellBehind(store, mark, logger);
    return { store: closing, behind: true, markLag: () => 0 };
  }
  if (readOnly) return { store: closing, behind: false, markLag: () => 0 };
  if (verdict !== "standing") {
    logger.warn(untold[verdict]);
    await renewMark(store, mark);
  }
  const marked = keepMark(store, mark, logger, await changedSince(store, mark));
  return { store: marked.store, behind: false, markLag: marked.lag };
}

/** Names whose last changes the mark may lack: it is a little behind when a process is killed. */
async function changedSince(store: Store, mark: HighWaterMark): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  for (let from = mark.position()?.id ?? 0; ; ) {
    const rows = await store.changes({ direction: "forwards", from, limit: page });
    for (const { repository } of rows) names.add(repository);
    const last = rows.at(-1);
    if (last === undefined) return names;
    from = last.id;
  }
}

/** Where it cannot be told whether commits were lost. */
const untold = {
  damaged:
    "THE HIGH-WATER MARK IS DAMAGED: what can be read of it is in the store, but whether all commits are cannot be told. It is made anew from what is stored; if the store was restored from an older backup, clients will refuse what is older than they have seen",
  unmarked:
    "NO HIGH-WATER MARK lies beside a store that is not empty: whether commits were lost cannot be told. It is made anew from what is stored; if the store was restored from an older backup, clients will refuse what is older than they have seen",
} as const;

/**
 * `behind`: commits that the mark knows are lost. `damaged`: none among what can be read of the mark. `unmarked`: there is
 * no mark, and a store that is not empty. `standing`: all is there.
 */
export type Verdict = "standing" | "behind" | keyof typeof untold;

export async function judge(store: Store, mark: HighWaterMark): Promise<Verdict> {
  if (await isBehind(store, mark)) return "behind";
  if (mark.isDoubtful()) return "damaged";
  const isUnmarked = mark.position() === undefined && (await newestChange(store)) !== undefined;
  return isUnmarked ? "unmarked" : "standing";
}

/** False if there is no mark. Where the newest position may be lost, all that can be read is held against the store. */
async function isBehind(store: Store, mark: HighWaterMark): Promise<boolean> {
  const position = mark.position();
  if (position !== undefined && !(await hasPosition(store, position))) return true;
  if (!mark.isDoubtful()) return false;
  for await (const _ of findBehind(store, mark)) return true;
  return false;
}

async function hasPosition(store: Store, { id, repository, version, sha256 }: Position): Promise<boolean> {
  const [row] = await store.changes({ direction: "forwards", from: id - 1, limit: 1 });
  return row?.id === id && row.repository === repository && row.version === version && row.sha256 === sha256;
}

/** Makes the mark anew from what is stored, whatever it was before. */
export async function renewMark(store: Store, mark: HighWaterMark): Promise<void> {
  await mark.replace(entriesOf(store), await newestChange(store));
}

async function* entriesOf(store: Store): AsyncGenerator<MarkEntry> {
  for (let after: string | undefined; ; ) {
    const names = await store.repositories({ limit: page, ...(after !== undefined && { after }) });
    for (const name of names) yield await entryOf(store, name);
    after = names.at(-1);
    if (after === undefined) return;
  }
}

async function tellBehind(store: Store, mark: HighWaterMark, logger: Logger): Promise<void> {
  const named: string[] = [];
  let count = 0;
  for await (const { repository } of findBehind(store, mark)) {
    count++;
    if (named.length < mostNamed) named.push(repository);
  }
  logger.error(
    { repositories: count, among: named },
    "THE STORE IS BEHIND ITS HIGH-WATER MARK: it was restored from an older backup, or commits were lost. Nothing is published, renewed or deleted; restore a newer backup, or stop the server and run `vidimus recover accept`",
  );
}
