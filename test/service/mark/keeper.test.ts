/** Commits and their mark: none is missing, none waits for it, none fails with it. */
import pino from "pino";
import { afterEach, expect, test, vi } from "vitest";
import { keepMark } from "../../../src/service/mark/keeper.ts";
import type { HighWaterMark, MarkEntry, Position } from "../../../src/store/mark.ts";
import { openMemory } from "../../../src/store/memory.ts";
import { publishNext } from "../../support/publications.ts";

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
  await store.remove({ repository: "a", at: 1, principal: "tester" });
  expect(await store.remove({ repository: "a", at: 1, principal: "tester" })).toBe(false);
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
