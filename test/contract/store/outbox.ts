import { describe, expect, it } from "vitest";
import type { Delivery, OutboxEntry, OutboxLimits } from "../../../src/store/contract/outbox.ts";
import type { Bench } from "./bench.ts";

const limits: OutboxLimits = { waiting: 100, settled: 100 };

export function outbox(bench: Bench): void {
  const entry = (id: string, changes: Partial<OutboxEntry> = {}): OutboxEntry => ({
    id,
    type: "dev.vidimus.test",
    subject: "a/b",
    at: 1_000,
    data: `{"id":"${id}"}`,
    ...changes,
  });
  const add = (id: string, receivers: readonly string[] = ["log"], more: Partial<OutboxLimits> = {}) =>
    bench.store.outbox.add(entry(id), receivers, { ...limits, ...more });
  const claim = (now: number, leaseUntil = now + 50, limit = 10) =>
    bench.store.outbox.claim({ now, leaseUntil, limit });
  const settle = ({ number, receiver, attempts }: Delivery, outcome: "delivered" | "dead" | number) =>
    bench.store.outbox.settle({ number, receiver, attempts, at: 2_000, outcome });
  const named = (deliveries: readonly Delivery[]) =>
    deliveries.map(({ id, receiver, attempts }) => `${id} ${receiver} ${attempts}`);

  describe("the outbox", () => {
    it("gives each receiver what was put in, exactly as it was", async () => {
      expect(await add("one", ["log", "hook"])).toBe(true);
      const claimed = await claim(1_000);
      expect(named(claimed)).toEqual(["one hook 1", "one log 1"]);
      expect(claimed[0]).toMatchObject(entry("one"));
      expect(await bench.store.outbox.facts()).toEqual({ waiting: 2, dead: 0, oldest: 1_000 });
    });

    it("has nothing for anybody before its instant", async () => {
      await add("one");
      expect(await claim(999)).toEqual([]);
    });

    it("takes an ID in once, while it waits and after it was told", async () => {
      await add("one");
      expect(await add("one", ["other"])).toBe(false);
      const [delivery] = await claim(1_000);
      await settle(delivery as Delivery, "delivered");
      expect(await add("one")).toBe(false);
      expect(await claim(9_000)).toEqual([]);
      expect(await bench.store.outbox.facts()).toEqual({ waiting: 0, dead: 0, oldest: undefined });
    });

    it("takes an ID in once when many bring it at one time, through any handle", async () => {
      const other = await bench.another();
      const results = await Promise.all(
        Array.from({ length: 10 }, (_, i) =>
          (i % 2 === 0 ? bench.store : other).outbox.add(entry("one"), ["log"], limits),
        ),
      );
      expect(results.filter(Boolean)).toHaveLength(1);
      expect(await claim(1_000)).toHaveLength(1);
    });

    it("counts as told where nobody is to hear it", async () => {
      expect(await add("one", [])).toBe(true);
      expect(await add("one", [])).toBe(false);
      expect(await bench.store.outbox.facts()).toEqual({ waiting: 0, dead: 0, oldest: undefined });
    });

    it("is handed out to nobody else before the lease ends, and then again, as another attempt", async () => {
      const other = await bench.another();
      await add("one");
      expect(named(await claim(1_000, 1_050))).toEqual(["one log 1"]);
      expect(await other.outbox.claim({ now: 1_049, leaseUntil: 1_099, limit: 5 })).toEqual([]);
      expect(named(await other.outbox.claim({ now: 1_050, leaseUntil: 1_100, limit: 5 }))).toEqual([
        "one log 2",
      ]);
    });

    it("is handed out once when many ask at one time", async () => {
      for (let i = 0; i < 20; i++) await add(`n${i}`);
      const other = await bench.another();
      const asked = Array.from({ length: 10 }, (_, i) =>
        (i % 2 === 0 ? bench.store : other).outbox.claim({ now: 1_000, leaseUntil: 1_050, limit: 3 }),
      );
      const given = (await Promise.all(asked)).flat().map(({ id }) => id);
      expect(given).toHaveLength(20);
      expect(new Set(given).size).toBe(20);
    });

    it("is held off by no claim of a clock that was set back since", async () => {
      await add("one");
      expect(await claim(1_000_000, 1_000_050)).toHaveLength(1);
      expect(await claim(1_010, 1_060)).toHaveLength(1);
      expect(await claim(1_005, 1_055)).toEqual([]);
    });

    it("is due again at the instant that a failure names", async () => {
      await add("one");
      const [first] = await claim(1_000);
      await settle(first as Delivery, 3_000);
      expect(await claim(2_999)).toEqual([]);
      expect(named(await claim(3_000))).toEqual(["one log 2"]);
    });

    it("hears nothing of an attempt that somebody else has taken over", async () => {
      await add("one");
      const [first] = await claim(1_000, 1_050);
      const [second] = await claim(1_050, 1_100);
      await settle(first as Delivery, "delivered");
      expect((await bench.store.outbox.facts()).waiting).toBe(1);
      await settle(second as Delivery, "delivered");
      expect((await bench.store.outbox.facts()).waiting).toBe(0);
    });

    it("counts the dead and hands them out no more", async () => {
      await add("one", ["log", "hook"]);
      const [hook, log] = await claim(1_000);
      await settle(hook as Delivery, "dead");
      await settle(log as Delivery, "delivered");
      expect(await claim(9_000)).toEqual([]);
      expect(await bench.store.outbox.facts()).toEqual({ waiting: 0, dead: 1, oldest: undefined });
    });

    it("gives up those that wait longest when too many wait", async () => {
      for (const id of ["first", "second", "third"]) await add(id, ["log"], { waiting: 2 });
      expect(named(await claim(1_000))).toEqual(["second log 1", "third log 1"]);
      expect((await bench.store.outbox.facts()).dead).toBe(1);
    });

    it("forgets what was settled before an instant, and takes its ID in again then", async () => {
      await add("one");
      const [first] = await claim(1_000);
      await settle(first as Delivery, "delivered");
      await add("waits");
      expect(await bench.store.outbox.forget({ settledBefore: 2_000, limit: 10 })).toBe(0);
      expect(await bench.store.outbox.forget({ settledBefore: 2_001, limit: 10 })).toBe(1);
      expect(await add("one")).toBe(true);
      expect((await bench.store.outbox.facts()).waiting).toBe(2);
    });

    it("keeps no more of what is settled than it may, the newest", async () => {
      for (const id of ["a", "b", "c", "d"]) await add(id, [], { settled: 2 });
      expect(await add("d", [])).toBe(false);
      expect(await add("a", [])).toBe(true);
    });

    it("refuses what is out of bounds", async () => {
      await expect(add("")).rejects.toThrow(RangeError);
      await expect(add("one", ["a", "a"])).rejects.toThrow(RangeError);
      const large = entry("large", { data: "x".repeat(64 * 1024 + 1) });
      await expect(bench.store.outbox.add(large, [], limits)).rejects.toThrow(RangeError);
      await expect(claim(1_000, 1_050, 101)).rejects.toThrow(RangeError);
      expect((await bench.store.outbox.facts()).waiting).toBe(0);
    });
  });
}
