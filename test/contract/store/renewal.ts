import { describe, expect, it } from "vitest";
import { publication, publishNext } from "../../support/publications.ts";
import type { Bench } from "./bench.ts";

export function renewal(bench: Bench): void {
  const claim = (now: number, leaseUntil: number, limit = 10) =>
    bench.store.claimDue({ now, leaseUntil, limit });

  describe("renewal", () => {
    it("is due for nobody at first", async () => {
      expect(await claim(1_000, 2_000)).toEqual([]);
      expect(await bench.store.oldestDue()).toBeUndefined();
    });

    it("comes at the instant named, not before, and never without one", async () => {
      await bench.store.commit(publication("a", { renewAt: 100 }));
      await bench.store.commit(publication("never"));
      expect(await claim(99, 200)).toEqual([]);
      expect(await claim(100, 200)).toEqual(["a"]);
    });

    it("is handed out oldest first, within the limit", async () => {
      for (const [name, renewAt] of Object.entries({ late: 30, first: 10, second: 20 })) {
        await bench.store.commit(publication(name, { renewAt }));
      }
      expect(await claim(100, 200, 2)).toEqual(["first", "second"]);
      expect(await claim(100, 200, 2)).toEqual(["late"]);
    });

    it("is handed out to nobody else before the lease ends, through any handle", async () => {
      const other = await bench.another();
      await bench.store.commit(publication("a", { renewAt: 10 }));
      expect(await claim(10, 50)).toEqual(["a"]);
      expect(await other.claimDue({ now: 49, leaseUntil: 90, limit: 5 })).toEqual([]);
      expect(await other.claimDue({ now: 50, leaseUntil: 90, limit: 5 })).toEqual(["a"]);
      expect(await claim(60, 99)).toEqual([]);
    });

    it("is handed out once when many ask at once", async () => {
      for (let index = 0; index < 20; index += 1)
        await bench.store.commit(publication(`r${index}`, { renewAt: 1 }));
      const other = await bench.another();
      const asked = Array.from({ length: 10 }, (_, index) =>
        (index % 2 === 0 ? bench.store : other).claimDue({ now: 5, leaseUntil: 50, limit: 3 }),
      );
      const given = (await Promise.all(asked)).flat();
      expect(given).toHaveLength(20);
      expect(new Set(given).size).toBe(20);
    });

    it("is held off by no claim of a clock that was set back since", async () => {
      await bench.store.commit(publication("a", { renewAt: 10 }));
      expect(await claim(1_000_000, 1_000_050)).toEqual(["a"]);
      expect(await claim(20, 70)).toEqual(["a"]);
      // A clock that is only a little behind the claimer's.
      expect(await claim(15, 65)).toEqual([]);
    });

    it("is postponed without a publication, which ends the claim", async () => {
      const { revision } = await bench.store.commit(publication("a", { renewAt: 10 }));
      await claim(10, 1_000);
      await bench.store.postpone({ repository: "a", revision, renewAt: 20 });
      expect(await claim(19, 1_000)).toEqual([]);
      expect(await claim(20, 1_000)).toEqual(["a"]);
      expect((await bench.store.state("a")).revision).toBe(revision);
    });

    it("is postponed until the next publication, and counts as overdue no more", async () => {
      const { revision } = await bench.store.commit(publication("a", { renewAt: 10 }));
      await bench.store.postpone({ repository: "a", revision, renewAt: undefined });
      expect(await bench.store.oldestDue()).toBeUndefined();
      expect(await claim(1_000, 2_000)).toEqual([]);
      await publishNext(bench.store, "a", ["timestamp"], { renewAt: 30 });
      expect(await claim(30, 2_000)).toEqual(["a"]);
    });

    it("is not postponed by who looked at an older revision", async () => {
      const { revision } = await bench.store.commit(publication("a", { renewAt: 10 }));
      await publishNext(bench.store, "a", ["timestamp"], { renewAt: 20 });
      await bench.store.postpone({ repository: "a", revision, renewAt: undefined });
      expect(await bench.store.oldestDue()).toBe(20);
    });

    it("is claimed no longer after a publication of the name", async () => {
      await bench.store.commit(publication("a", { renewAt: 10 }));
      await claim(10, 1_000);
      await publishNext(bench.store, "a", ["timestamp"], { renewAt: 20 });
      expect(await claim(20, 1_000)).toEqual(["a"]);
    });

    it("is not due again until the new instant", async () => {
      await bench.store.commit(publication("a", { renewAt: 10 }));
      await publishNext(bench.store, "a", ["timestamp"], { renewAt: 500 });
      expect(await claim(499, 1_000)).toEqual([]);
    });

    it("ends with a publication that names none", async () => {
      await bench.store.commit(publication("a", { renewAt: 10 }));
      await publishNext(bench.store, "a");
      expect(await claim(1_000, 2_000)).toEqual([]);
      expect(await bench.store.oldestDue()).toBeUndefined();
    });

    it("knows the earliest instant of all, claimed or not", async () => {
      await bench.store.commit(publication("a", { renewAt: 30 }));
      await bench.store.commit(publication("b", { renewAt: 20 }));
      await claim(25, 100);
      expect(await bench.store.oldestDue()).toBe(20);
    });

    it("leaves the revision alone", async () => {
      await bench.store.commit(publication("a", { renewAt: 10 }));
      await claim(10, 50);
      expect((await bench.store.state("a")).revision).toBe(1);
    });
  });
}
