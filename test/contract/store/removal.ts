import { describe, expect, it } from "vitest";
import {
  everything,
  file,
  limits,
  onlineKey,
  publication,
  publishNext,
  removalOf,
  told,
} from "../../support/publications.ts";
import { codeOf } from "../../support/refusal.ts";
import type { Bench } from "./bench.ts";

export function removal(bench: Bench): void {
  const remove = (repository: string) => bench.store.remove(removalOf(repository, 2_000));

  describe("a removal", () => {
    it("of what does not exist resolves false and writes nothing", async () => {
      const before = await everything(bench.store, "a");
      expect(await remove("a")).toBe(false);
      expect(await everything(bench.store, "a")).toEqual(before);
    });

    it("a second time resolves false and writes nothing", async () => {
      await bench.store.commit(publication("a"));
      expect(await remove("a")).toBe(true);
      const before = await everything(bench.store, "a");
      expect(await remove("a")).toBe(false);
      expect(await everything(bench.store, "a")).toEqual(before);
    });

    it("takes every file away", async () => {
      await publishNext(bench.store, "a");
      await publishNext(bench.store, "a");
      await remove("a");
      expect(await bench.store.current("a", "timestamp")).toBeUndefined();
      expect(await bench.store.byVersion("a", "timestamp", 1)).toBeUndefined();
      expect(await bench.store.byDigest("a", "timestamp", file("timestamp", 1).sha256)).toBeUndefined();
      expect(await bench.store.repositories({ limit: 10 })).toEqual([]);
    });

    it("leaves a state that says so, with the highest version of each role", async () => {
      await bench.store.commit(publication("a", { metadata: [file("root", 3), file("timestamp", 7)] }));
      await remove("a");
      expect(await bench.store.state("a")).toEqual({
        repository: "a",
        exists: false,
        format: undefined,
        revision: 2,
        incarnation: 1,
        current: new Map(),
        floor: new Map([
          ["root", 3],
          ["timestamp", 7],
        ]),
      });
    });

    it("leaves other repositories alone", async () => {
      for (const name of ["a", "a/b", "A"]) await bench.store.commit(publication(name));
      await remove("a");
      expect(await bench.store.repositories({ limit: 10 })).toEqual(["A", "a/b"]);
      expect((await bench.store.current("a/b", "root"))?.version).toBe(1);
    });

    it("takes active and pending online keys of that name away", async () => {
      await bench.store.addPendingKey(onlineKey("a"), limits(), told("a"));
      await bench.store.commit(publication("a", { activateKeys: ["key-timestamp"] }));
      await bench.store.addPendingKey(onlineKey("a", { role: "snapshot" }), limits(), told("a"));
      await bench.store.addPendingKey(onlineKey("b"), limits(), told("b"));
      await remove("a");
      expect(await bench.store.onlineKeys("a", ["key-timestamp", "key-snapshot"])).toEqual([]);
      expect(await bench.store.pendingKey("a", "snapshot", limits())).toBeUndefined();
      expect(await bench.store.onlineKeys("b", ["key-timestamp"])).toHaveLength(1);
    });

    it("forgets what keys the repository used", async () => {
      await bench.store.commit(publication("a", { keyUses: [{ material: "m", role: "root" }] }));
      await remove("a");
      expect(await bench.store.otherUsers("b", ["m"])).toEqual([]);
    });

    it("ends its renewal", async () => {
      await bench.store.commit(publication("a", { renewAt: 10 }));
      await remove("a");
      expect(await bench.store.oldestDue()).toBeUndefined();
      expect(await bench.store.claimDue({ now: 20, leaseUntil: 30, limit: 5 })).toEqual([]);
    });

    it("happens once when asked for many times at once", async () => {
      await bench.store.commit(publication("a"));
      const results = await Promise.all([remove("a"), remove("a"), remove("a")]);
      expect(results.filter((happened) => happened)).toHaveLength(1);
    });

    it("makes a publication against the revision before it a conflict", async () => {
      await bench.store.commit(publication("a"));
      await remove("a");
      const late = publication("a", { expectedRevision: 1, metadata: [file("root", 2)] });
      expect(await codeOf(bench.store.commit(late))).toBe("CONFLICT");
      expect(await codeOf(bench.store.commit(publication("a")))).toBe("CONFLICT");
    });
  });

  describe("the next incarnation", () => {
    it("starts with the first publication after a removal, in any format, at any version", async () => {
      await bench.store.commit(publication("a", { metadata: [file("root", 5)] }));
      await remove("a");
      const anew = publication("a", { expectedRevision: 2, format: "tuf", metadata: [file("root", 1)] });
      expect(await bench.store.commit(anew)).toEqual({ revision: 3, incarnation: 2 });
      const state = await bench.store.state("a");
      expect(state).toMatchObject({ exists: true, format: "tuf", revision: 3, incarnation: 2 });
      expect(state.current.get("root")?.version).toBe(1);
    });

    it("knows the floor of all earlier ones, and no file of theirs", async () => {
      await bench.store.commit(publication("a", { metadata: [file("root", 5), file("targets/x", 2)] }));
      await remove("a");
      await publishNext(bench.store, "a", ["root"]);
      expect((await bench.store.state("a")).floor).toEqual(
        new Map(Object.entries({ root: 5, "targets/x": 2 })),
      );
      expect(await bench.store.byVersion("a", "root", 5)).toBeUndefined();
      await remove("a");
      const state = await bench.store.state("a");
      expect(state.floor).toEqual(new Map(Object.entries({ root: 5, "targets/x": 2 })));
      expect(state).toMatchObject({ revision: 4, incarnation: 2 });
    });

    it("raises the floor when it went higher", async () => {
      await bench.store.commit(publication("a", { metadata: [file("root", 5)] }));
      await remove("a");
      await publishNext(bench.store, "a", [], { metadata: [file("root", 8)] });
      await remove("a");
      expect((await bench.store.state("a")).floor.get("root")).toBe(8);
    });

    it("goes on in the same changefeed, with IDs never used before", async () => {
      await bench.store.commit(publication("a"));
      await remove("a");
      await publishNext(bench.store, "a", ["timestamp"]);
      const rows = await bench.store.changes({ repository: "a", direction: "forwards", limit: 10 });
      expect(rows.map((row) => row.category)).toEqual(["update", "deletion", "update"]);
      expect(new Set(rows.map((row) => row.id)).size).toBe(3);
    });
  });
}
