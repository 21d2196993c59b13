/** Who was refused what is counted in memory, within a bound, and written now and then. */
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { StoreError } from "../../src/core/errors.ts";
import { type RefusalParts, Refusals } from "../../src/service/refusals.ts";
import { mostRefusalsAtOnce, type RefusalCount } from "../../src/store/contract/audit.ts";
import { openMemory } from "../../src/store/memory.ts";
import { start, TestClock } from "../support/server.ts";

const hour = 3_600_000;
const alice = { principal: { name: "alice", method: "password" } } as const;
let clock: TestClock;
let written: (readonly RefusalCount[])[];
let failure: Error | undefined;
let log: string[];

beforeEach(() => {
  vi.useFakeTimers();
  clock = new TestClock(start);
  written = [];
  failure = undefined;
  log = [];
});
afterEach(() => {
  vi.useRealTimers();
});

function refusals(changes: Partial<RefusalParts> = {}): Refusals {
  const audit = {
    async countRefusals(counts: readonly RefusalCount[]) {
      if (failure !== undefined) throw failure;
      written.push(counts);
    },
  };
  const logger = pino({ level: "debug" }, { write: (line: string) => void log.push(line) });
  return new Refusals({ store: { audit }, clock, logger, closed: false, ...changes });
}
const all = () => written.flat();
const sum = () => all().reduce((total, { count }) => total + count, 0);

describe("refusals", () => {
  it("are written some seconds later by one write, however many they are", async () => {
    const counter = refusals();
    for (let i = 0; i < 500; i++) counter.count(alice, "FORBIDDEN");
    counter.count({ claimed: "bob" }, "UNAUTHORIZED");
    counter.count({ address: "192.0.2.1" }, "UNAUTHORIZED");
    expect(written).toEqual([]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(written).toEqual([
      [
        { hour: start, principal: "password alice", code: "FORBIDDEN", count: 500 },
        { hour: start, principal: "claimed bob", code: "UNAUTHORIZED", count: 1 },
        { hour: start, principal: "address 192.0.2.1", code: "UNAUTHORIZED", count: 1 },
      ],
    ]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(written).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("belong to the hour in which they were", async () => {
    const counter = refusals();
    clock.set(start + hour - 1);
    counter.count(alice, "FORBIDDEN");
    clock.advance(1);
    counter.count(alice, "FORBIDDEN");
    await counter.flush();
    expect(all().map((row) => row.hour)).toEqual([start, start + hour]);
  });

  it("that nobody flushed are written at the end", async () => {
    const counter = refusals();
    counter.count(alice, "FORBIDDEN");
    await counter.stop();
    expect(sum()).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("of 100,000 principals keep to the bound of one write, and none is lost in the sum", async () => {
    const counter = refusals();
    for (let i = 0; i < 100_000; i++) {
      const principal = { name: `machine-${i}`, method: "machine" } as const;
      counter.count({ principal }, i % 2 === 0 ? "FORBIDDEN" : "THRESHOLD");
    }
    await counter.flush();
    expect(written).toHaveLength(1);
    expect(all().length).toBeLessThanOrEqual(mostRefusalsAtOnce);
    expect(all().filter(({ principal }) => principal === "")).toHaveLength(2);
    expect(sum()).toBe(100_000);
  });

  it("of 100,000 strangers leave room for those that are known", async () => {
    const counter = refusals();
    for (let i = 0; i < 50_000; i++) {
      counter.count({ address: `2001:db8:${i}` }, "UNAUTHORIZED");
      counter.count({ claimed: `name-${i}` }, "UNAUTHORIZED");
      if (i % 10_000 === 0) await counter.flush();
    }
    counter.count(alice, "FORBIDDEN");
    await counter.flush();
    expect(sum()).toBe(100_001);
    const names = new Set(all().map(({ principal }) => principal));
    expect(names.size).toBe(202);
    expect(names).toContain("password alice");
    // The next hour has room of its own.
    clock.advance(hour);
    counter.count({ address: "192.0.2.1" }, "UNAUTHORIZED");
    await counter.flush();
    expect(all().at(-1)?.principal).toBe("address 192.0.2.1");
  });

  it("that cannot be written wait within the bound, and are written once", async () => {
    const counter = refusals();
    failure = new StoreError("STORE_UNAVAILABLE", "Later.");
    for (let i = 0; i < 50; i++) {
      for (let j = 0; j < 100; j++) {
        const principal = { name: `m${j}`, method: "machine" } as const;
        counter.count({ principal }, `CODE_${j}`);
      }
      clock.advance(hour);
      await vi.advanceTimersByTimeAsync(5_000);
    }
    expect(written).toEqual([]);
    expect(log.filter((line) => line.includes("counting refusals failed"))).toHaveLength(1);
    failure = undefined;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(written).toHaveLength(1);
    expect(all()).toHaveLength(mostRefusalsAtOnce);
    const lost = log.map((line) => JSON.parse(line)).find(({ msg }) => msg.includes("found no room"));
    expect(sum() + lost.refusals).toBe(50 * 100);
  });

  it("that may have been written are not written again", async () => {
    const counter = refusals();
    failure = new StoreError("COMMIT_UNKNOWN", "Read again.");
    counter.count(alice, "FORBIDDEN");
    await counter.flush();
    failure = undefined;
    counter.count(alice, "THRESHOLD");
    await counter.stop();
    expect(all().map(({ code }) => code)).toEqual(["THRESHOLD"]);
  });

  it("that can never be written are told of at the end", async () => {
    const counter = refusals();
    failure = new StoreError("STORE_UNAVAILABLE", "Later.");
    counter.count(alice, "FORBIDDEN");
    await counter.stop();
    expect(log.join("")).toContain("refusals were not counted");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("on a server that writes nothing are not counted", async () => {
    const counter = refusals({ closed: true });
    counter.count(alice, "FORBIDDEN");
    await counter.stop();
    expect(written).toEqual([]);
  });

  it("of names of any length and form are taken by a store", async () => {
    const store = openMemory();
    const counter = refusals({ store });
    counter.count({ principal: { name: `${"x".repeat(190)}\ud83d`, method: "oidc" } }, "FORBIDDEN");
    counter.count({ principal: { name: `${"y".repeat(194)}\u{1f511}z`, method: "oidc" } }, "FORBIDDEN");
    counter.count({ claimed: "c".repeat(300) }, "UNAUTHORIZED");
    await counter.flush();
    expect(await store.audit.refusals()).toHaveLength(3);
    expect(log).toEqual([]);
  });
});
