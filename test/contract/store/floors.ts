import { describe, expect, it } from "vitest";
import type { FloorRequest } from "../../../src/store/contract/store.ts";
import { everything, file, publication, publishNext, removalOf, told } from "../../support/publications.ts";
import type { Bench } from "./bench.ts";

export function floors(bench: Bench): void {
  const raise = (repository: string, floor: Record<string, number>, changes: Partial<FloorRequest> = {}) =>
    bench.store.raiseFloor({
      repository,
      format: "notary",
      at: 3_000,
      principal: "tester",
      floor: new Map(Object.entries(floor)),
      audit: told(repository, { kind: "repository.recovered" }),
      ...changes,
    });
  const floorOf = async (repository: string) =>
    Object.fromEntries((await bench.store.state(repository)).floor);

  describe("a floor", () => {
    it("is raised and never lowered, and nothing else of the repository changes", async () => {
      await bench.store.commit(publication("a"));
      const before = await everything(bench.store, "a");
      await raise("a", { timestamp: 9, snapshot: 4 });
      await raise("a", { timestamp: 5, root: 2 });
      const after = await everything(bench.store, "a");
      expect(await floorOf("a")).toEqual({ timestamp: 9, snapshot: 4, root: 2 });
      expect({ ...after, state: { ...after.state, floor: new Map() } }).toEqual(before);
    });

    it("of a name that was never used makes it a removed one", async () => {
      await raise("a", { timestamp: 9 });
      expect(await bench.store.state("a")).toEqual({
        repository: "a",
        exists: false,
        format: undefined,
        revision: 1,
        incarnation: 1,
        current: new Map(),
        floor: new Map([["timestamp", 9]]),
      });
      expect(await bench.store.changes({ direction: "forwards", limit: 10 })).toEqual([
        { id: 1, at: 3_000, repository: "a", version: 0, sha256: "", category: "deletion" },
      ]);
      expect(await bench.store.repositories({ limit: 10 })).toEqual([]);
      await publishNext(bench.store, "a");
      expect(await bench.store.state("a")).toMatchObject({ exists: true, revision: 2, incarnation: 2 });
      expect(await floorOf("a")).toEqual({ timestamp: 9 });
    });

    it("of a removed name is kept beside what its removal left", async () => {
      await bench.store.commit(publication("a", { metadata: [file("root", 3), file("timestamp", 7)] }));
      await bench.store.remove(removalOf("a", 2_000));
      await raise("a", { timestamp: 5, root: 8 });
      expect(await floorOf("a")).toEqual({ timestamp: 7, root: 8 });
      expect(await bench.store.state("a")).toMatchObject({ revision: 2, incarnation: 1, exists: false });
    });

    it("is kept by a removal that comes later, if that reached less", async () => {
      await bench.store.commit(publication("a"));
      await raise("a", { timestamp: 9 });
      await bench.store.remove(removalOf("a", 4_000));
      expect(await floorOf("a")).toEqual({ timestamp: 9, root: 1 });
    });

    it.each([0, -1, 1.5, 2 ** 31, Number.NaN])("is not raised to %s", async (version) => {
      await expect(raise("a", { timestamp: version })).rejects.toThrow(RangeError);
      expect(await bench.store.state("a")).toMatchObject({ revision: 0 });
    });
  });
}
