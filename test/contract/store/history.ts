import { describe, expect, it } from "vitest";
import { publication, publishNext, told } from "../../support/publications.ts";
import type { Bench } from "./bench.ts";

export function history(bench: Bench): void {
  describe("the record of changes", () => {
    it("has a row for every change, through all lives of a name", async () => {
      await bench.store.commit(publication("a", { at: 10, principal: "ann" }));
      await publishNext(bench.store, "b");
      await publishNext(bench.store, "a", ["timestamp"], { at: 20, kind: "refresh", principal: "vidimus" });
      await bench.store.remove({ repository: "a", at: 30, principal: "bob", audit: told("a") });
      await publishNext(bench.store, "a", ["root", "timestamp"], { at: 40, principal: "ann" });
      expect(await bench.store.history.changes("a", 0, 10)).toEqual([
        { revision: 1, incarnation: 1, at: 10, kind: "publish", principal: "ann" },
        { revision: 2, incarnation: 1, at: 20, kind: "refresh", principal: "vidimus" },
        { revision: 3, incarnation: 1, at: 30, kind: "removal", principal: "bob" },
        { revision: 4, incarnation: 2, at: 40, kind: "publish", principal: "ann" },
      ]);
    });

    it("is walked page by page, and ends", async () => {
      for (let count = 0; count < 5; count++) await publishNext(bench.store, "a");
      const revisions = async (after: number, limit: number) =>
        (await bench.store.history.changes("a", after, limit)).map(({ revision }) => revision);
      expect(await revisions(0, 2)).toEqual([1, 2]);
      expect(await revisions(2, 2)).toEqual([3, 4]);
      expect(await revisions(4, 2)).toEqual([5]);
      expect(await revisions(5, 2)).toEqual([]);
    });

    it("has nothing of a change that did not happen, nor of a name that was never used", async () => {
      await publishNext(bench.store, "a");
      await expect(bench.store.commit(publication("a", { expectedRevision: 7 }))).rejects.toThrow();
      expect(await bench.store.history.changes("a", 0, 10)).toHaveLength(1);
      expect(await bench.store.history.changes("A", 0, 10)).toEqual([]);
    });

    it("has the row of a floor that was raised for a name that was never used", async () => {
      const floor = new Map([["timestamp", 3]]);
      await bench.store.raiseFloor({
        repository: "a",
        format: "notary",
        at: 5,
        principal: "op",
        floor,
        audit: told("a"),
      });
      expect(await bench.store.history.changes("a", 0, 10)).toEqual([
        { revision: 1, incarnation: 1, at: 5, kind: "removal", principal: "op" },
      ]);
    });

    it.each([0, -1, 1.5, 1_001])("refuses a limit of %s as the caller's fault", async (limit) => {
      await expect(bench.store.history.changes("a", 0, limit)).rejects.toThrow(RangeError);
    });
  });
}
