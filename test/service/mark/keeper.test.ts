/** Commits and their mark: none is missing, none waits for it, none fails with it. */
import pino from "pino";
import { afterEach, expect, test, vi } from "vitest";
import { StoreError } from "../../../src/core/errors.ts";
import { keepMark } from "../../../src/service/mark/keeper.ts";
import type { Store } from "../../../src/store/contract/store.ts";
import type { HighWaterMark, MarkEntry, Position } from "../../../src/store/mark.ts";
import { openMemory } from "../../../src/store/memory.ts";
import { publishNext, removalOf } from "../../support/publications.ts";

interface Recorded extends HighWaterMark {
  readonly written: { readonly entries: readonly MarkEntry[]; readonly position: Position | undefined }[];
  fail: boolean;
  closed: boolean;
}

function recorded(): Recorded {
  const mark: Recorded = {
    written: [],
    fail: false,
    closed: false,
    position: () => undefined,
    isDoubtful: () => false,
    async *entries() {
      yield* [];
    },
    append: async (entries, position) => {
      if (mark.fail) throw new Error("no space");
      mark.written.push({ entries: [...entries], position });
    },
    replace: async () => {},
    close: async () => {
      mark.closed = true;
    },
  };
  return mark;
}

const log: string[] = [];
const logger = pino({ level: "info" }, { write: (line: string) => void log.push(line) });

afterEach(() => {
  vi.useRealTimers();
  log.splice(0);
});

const versions = (entries: readonly MarkEntry[]) =>
  entries.map(({ repository, revision, roles }) => [repository, revision, roles.get("timestamp")?.version]);

test("many commits are one write within a second, each repository once, with the newest position", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const mark = recorded();
  const { store } = keepMark(openMemory(), mark, logger);
  for (let i = 0; i < 5; i++) await publishNext(store, "a");
  await publishNext(store, "b", ["root", "timestamp"]);
  expect(mark.written).toEqual([]);
  await vi.advanceTimersByTimeAsync(999);
  expect(mark.written).toHaveLength(1);
  expect(versions(mark.written[0]?.entries ?? [])).toEqual([
    ["a", 5, 5],
    ["b", 1, 1],
  ]);
  expect(mark.written[0]?.position).toMatchObject({ id: 6, repository: "b", version: 1 });
  await store.close();
});

test("a removal is marked, and what the repository had reached stays", async () => {
  const mark = recorded();
  const { store } = keepMark(openMemory(), mark, logger);
  await publishNext(store, "a");
  await store.remove(removalOf("a", 1));
  expect(await store.remove(removalOf("a", 1))).toBe(false);
  await store.close();
  expect(mark.written.flatMap(({ entries }) => entries)).toMatchObject([
    { repository: "a", revision: 2, exists: false, roles: new Map([["timestamp", { version: 1 }]]) },
  ]);
});

test("closing writes what is left, and closes the mark", async () => {
  const mark = recorded();
  const { store } = keepMark(openMemory(), mark, logger);
  await publishNext(store, "a");
  await store.close();
  expect(mark.written).toHaveLength(1);
  expect(mark.closed).toBe(true);
});

test("while it cannot be written commits go on, the log says so once, and nothing is left out afterwards", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const mark = recorded();
  const { store } = keepMark(openMemory(), mark, logger);
  mark.fail = true;
  await publishNext(store, "a");
  await vi.advanceTimersByTimeAsync(1_000);
  await publishNext(store, "b");
  await publishNext(store, "a");
  await vi.advanceTimersByTimeAsync(5_000);
  expect(log.filter((line) => line.includes("CANNOT BE WRITTEN"))).toHaveLength(1);
  mark.fail = false;
  await vi.advanceTimersByTimeAsync(1_500);
  expect(mark.written).toHaveLength(1);
  expect(versions(mark.written[0]?.entries ?? [])).toEqual([
    ["a", 2, 2],
    ["b", 1, 1],
  ]);
  expect(log.at(-1)).toContain("written again");
  await store.close();
});

test("its lag is the age of the oldest commit that it lacks, and grows while it cannot be written", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  const mark = recorded();
  const { store, lag } = keepMark(openMemory(), mark, logger);
  expect(lag()).toBe(0);
  await publishNext(store, "a");
  await vi.advanceTimersByTimeAsync(100);
  await publishNext(store, "b");
  await vi.advanceTimersByTimeAsync(100);
  expect(lag()).toBe(200);
  await vi.advanceTimersByTimeAsync(100);
  expect(lag()).toBe(0);
  mark.fail = true;
  await publishNext(store, "a");
  await vi.advanceTimersByTimeAsync(30_000);
  await publishNext(store, "b");
  await vi.advanceTimersByTimeAsync(30_000);
  expect(lag()).toBe(60_000);
  mark.fail = false;
  await vi.advanceTimersByTimeAsync(1_500);
  expect(lag()).toBe(0);
  await store.close();
});

test("its lag counts a write that does not end, and not what was committed after one that did", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  const mark = recorded();
  let finish = () => {};
  mark.append = () => new Promise((resolve) => (finish = resolve));
  const { store, lag } = keepMark(openMemory(), mark, logger);
  await publishNext(store, "a");
  await vi.advanceTimersByTimeAsync(10_000);
  await publishNext(store, "b");
  await vi.advanceTimersByTimeAsync(100);
  expect(lag()).toBe(10_100);
  finish();
  await vi.advanceTimersByTimeAsync(0);
  expect(lag()).toBe(100);
  await vi.advanceTimersByTimeAsync(300);
  finish();
  await store.close();
});

test("a commit that was refused is not marked", async () => {
  const mark = recorded();
  const { store } = keepMark(openMemory(), mark, logger);
  await publishNext(store, "a");
  await expect(publishNext(store, "a", ["timestamp"], { expectedRevision: 0 })).rejects.toThrow();
  await store.close();
  expect(versions(mark.written.flatMap(({ entries }) => entries))).toEqual([["a", 1, 1]]);
});

const entriesIn = (mark: Recorded) => mark.written.flatMap(({ entries }) => entries);

test("a removal that another life followed before it was written is marked as that life", async () => {
  const mark = recorded();
  const { store } = keepMark(openMemory(), mark, logger);
  await publishNext(store, "a");
  await store.remove(removalOf("a", 1));
  await publishNext(store, "a");
  await store.close();
  expect(entriesIn(mark).at(-1)).toMatchObject({
    repository: "a",
    revision: 3,
    incarnation: 2,
    exists: true,
  });
});

/** Every change fails with this after it was made, or before. */
function failing(store: Store, error: Error, happens: boolean): Store {
  const failed = async (change: () => Promise<unknown>) => {
    if (happens) await change();
    throw error;
  };
  return {
    ...store,
    commit: (publication) => failed(() => store.commit(publication)) as never,
    remove: (request) => failed(() => store.remove(request)) as never,
  };
}

test.each([true, false])(
  "a change of which nobody knows whether it happened is looked up: %s",
  async (happens) => {
    const unknown = new StoreError("COMMIT_UNKNOWN", "nobody knows");
    const memory = openMemory();
    await publishNext(memory, "b");
    const mark = recorded();
    const { store } = keepMark(failing(memory, unknown, happens), mark, logger);
    await expect(publishNext(store, "a")).rejects.toThrow(unknown);
    await expect(store.remove(removalOf("b", 1))).rejects.toThrow(unknown);
    await store.close();
    const byName = new Map(entriesIn(mark).map((entry) => [entry.repository, entry]));
    expect(byName.get("a")).toMatchObject({ exists: happens, revision: happens ? 1 : 0 });
    expect(byName.get("b")).toMatchObject({ exists: !happens, revision: happens ? 2 : 1 });
  },
);

test("a change that certainly did not happen is not looked up", async () => {
  const mark = recorded();
  const { store } = keepMark(failing(openMemory(), new StoreError("CONFLICT", "no"), false), mark, logger);
  await expect(publishNext(store, "a")).rejects.toThrow();
  await store.close();
  expect(mark.written).toEqual([]);
});

test("what the last process did not get to is looked up at start, however much; the position comes last", async () => {
  const memory = openMemory();
  const names = Array.from({ length: 2_500 }, (_, i) => `n${i}`);
  for (const name of names) await publishNext(memory, name);
  const mark = recorded();
  await keepMark(memory, mark, logger, names).store.close();
  expect(new Set(entriesIn(mark).map(({ repository }) => repository))).toEqual(new Set(names));
  expect(mark.written.map(({ entries }) => entries.length)).toEqual([1_000, 1_000, 500]);
  expect(mark.written.map(({ position }) => position?.id)).toEqual([undefined, undefined, 2_500]);
});

test("what could not be written of that is looked up again", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const memory = openMemory();
  await publishNext(memory, "a");
  const mark = recorded();
  mark.fail = true;
  const { store } = keepMark(memory, mark, logger, ["a"]);
  await vi.advanceTimersByTimeAsync(1_000);
  await publishNext(memory, "a");
  mark.fail = false;
  await vi.advanceTimersByTimeAsync(2_000);
  expect(versions(entriesIn(mark)).at(-1)).toEqual(["a", 2, 2]);
  await store.close();
});
