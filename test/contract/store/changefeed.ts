import { describe, expect, it } from "vitest";
import type { ChangeQuery, ChangeRecord } from "../../../src/store/contract/store.ts";
import { file, publication, publishNext, removalOf } from "../../support/publications.ts";
import type { Bench } from "./bench.ts";

export function changefeed(bench: Bench): void {
  const versions = async (query: ChangeQuery) => (await bench.store.changes(query)).map((row) => row.version);

  /** Versions 1 … 10 of `a` and, in between, of `b`. */
  async function twenty(): Promise<readonly ChangeRecord[]> {
    for (let version = 1; version <= 10; version += 1) {
      await publishNext(bench.store, "a");
      await publishNext(bench.store, "b");
    }
    return bench.store.changes({ direction: "forwards", limit: 1_000 });
  }

  describe("the changefeed", () => {
    it("is empty at first", async () => {
      expect(await bench.store.changes({ direction: "forwards", limit: 10 })).toEqual([]);
      expect(await bench.store.changes({ direction: "backwards", limit: 10 })).toEqual([]);
    });

    it("has one row a publication with a timestamp", async () => {
      const metadata = [file("timestamp", 4), file("root", 1)];
      await bench.store.commit(publication("a", { at: 55, metadata }));
      const [row, ...more] = await bench.store.changes({ direction: "forwards", limit: 10 });
      const { sha256 } = file("timestamp", 4);
      expect(row).toMatchObject({ at: 55, repository: "a", version: 4, sha256, category: "update" });
      expect(more).toEqual([]);
    });

    it("has no row for a publication without a timestamp", async () => {
      await bench.store.commit(publication("a", { metadata: [file("root", 1)] }));
      expect(await bench.store.changes({ direction: "forwards", limit: 10 })).toEqual([]);
    });

    it("has a row for a deletion, without version and digest", async () => {
      await bench.store.commit(publication("a"));
      await bench.store.remove(removalOf("a", 66));
      const rows = await bench.store.changes({ direction: "forwards", limit: 10 });
      expect(rows.at(-1)).toMatchObject({
        at: 66,
        repository: "a",
        version: 0,
        sha256: "",
        category: "deletion",
      });
    });

    it("has IDs that grow", async () => {
      const ids = (await twenty()).map((row) => row.id);
      expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b));
      expect(ids[0]).toBeGreaterThan(0);
    });

    it("starts at the oldest forwards and at the newest backwards, oldest first either way", async () => {
      const all = await twenty();
      expect(await bench.store.changes({ direction: "forwards", limit: 3 })).toEqual(all.slice(0, 3));
      expect(await bench.store.changes({ direction: "backwards", limit: 3 })).toEqual(all.slice(-3));
    });

    it("goes on strictly after, or strictly before, where it is asked from", async () => {
      const all = await twenty();
      const from = all[9]?.id ?? 0;
      expect(await bench.store.changes({ direction: "forwards", from, limit: 3 })).toEqual(all.slice(10, 13));
      expect(await bench.store.changes({ direction: "backwards", from, limit: 3 })).toEqual(all.slice(6, 9));
    });

    it("is walked whole by pages in both directions", async () => {
      const all = await twenty();
      const there: ChangeRecord[] = [];
      const back: ChangeRecord[] = [];
      for (let page = 0; page < 3; page += 1) {
        const [last, first] = [there.at(-1)?.id, back[0]?.id];
        there.push(
          ...(await bench.store.changes({
            direction: "forwards",
            limit: 7,
            ...(last === undefined ? {} : { from: last }),
          })),
        );
        back.unshift(
          ...(await bench.store.changes({
            direction: "backwards",
            limit: 7,
            ...(first === undefined ? {} : { from: first }),
          })),
        );
      }
      expect(there).toEqual(all);
      expect(back).toEqual(all);
    });

    it("of one repository has the rows of that one only", async () => {
      const all = await twenty();
      const own = all.filter((row) => row.repository === "a");
      const from = own[4]?.id ?? 0;
      const repository = "a";
      expect(await bench.store.changes({ repository, direction: "forwards", limit: 1_000 })).toEqual(own);
      expect(await bench.store.changes({ repository, direction: "forwards", from, limit: 2 })).toEqual(
        own.slice(5, 7),
      );
      expect(await bench.store.changes({ repository, direction: "backwards", limit: 2 })).toEqual(
        own.slice(-2),
      );
      expect(await bench.store.changes({ repository, direction: "backwards", from, limit: 2 })).toEqual(
        own.slice(2, 4),
      );
    });

    it("has nothing beyond its ends, for an unknown name, or at odd places", async () => {
      const all = await twenty();
      const last = all.at(-1)?.id ?? 0;
      expect(await versions({ direction: "forwards", from: last, limit: 5 })).toEqual([]);
      expect(await versions({ direction: "backwards", from: all[0]?.id ?? 0, limit: 5 })).toEqual([]);
      expect(await versions({ direction: "forwards", from: Number.MAX_SAFE_INTEGER, limit: 5 })).toEqual([]);
      expect(await versions({ direction: "backwards", from: -5, limit: 5 })).toEqual([]);
      expect(await versions({ repository: "A", direction: "forwards", limit: 5 })).toEqual([]);
      expect(await versions({ direction: "forwards", from: -5, limit: 1 })).toEqual([1]);
    });

    it.each([0, -1, 1.5, 1_001, Number.NaN])("refuses a limit of %s as the caller's fault", async (limit) => {
      await expect(bench.store.changes({ direction: "forwards", limit })).rejects.toThrow(RangeError);
    });

    it.each([0.5, Number.NaN, 1e300])("refuses to start from %s as the caller's fault", async (from) => {
      await expect(bench.store.changes({ direction: "forwards", from, limit: 1 })).rejects.toThrow(
        RangeError,
      );
    });
  });
}
